package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// grown reports whether an idle worker holds on to more than half of the memory that
// it may take.
func (w *worker) grown(memory int64) bool {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.command.Process.Pid))
	if err != nil {
		return !w.alive()
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 3 {
		return true
	}
	resident, _ := strconv.ParseInt(fields[1], 10, 64) // digits, of the kernel's
	shared, _ := strconv.ParseInt(fields[2], 10, 64)
	return (resident-shared)*int64(os.Getpagesize()) > memory/2
}
