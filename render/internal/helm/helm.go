// Package helm turns a directory that holds a Helm chart into the problem that
// says so: charts are recognised and named, but not rendered.
package helm

import (
	"path"

	"github.com/slipwayhq/slipway/render/internal/view"
)

// FileName is the file that makes a directory a chart.
const FileName = "Chart.yaml"

// Refuse returns the problem of the chart in dir, having recorded that it is one.
func Refuse(v *view.View, dir string) error {
	file := path.Join(dir, FileName)
	if _, err := v.Read(file); err != nil {
		return err
	}
	return &view.Problem{
		File:    file,
		Message: "Helm charts are not rendered yet",
		Hint:    "commit the output of helm template in a directory of its own and make that the target",
	}
}
