package handlers

import (
	"encoding/json"
	"fmt"
)

// A kind says how jobs of one kind are read back, and whose they are.
type kind struct {
	decode     func([]byte) (Job, error)
	repository func(Job) Repository
}

// kindOf is the kind of a job's type; repository is nil for jobs of no repository.
func kindOf[J Job](repository func(J) Repository) kind {
	return kind{
		decode: func(payload []byte) (Job, error) {
			var job J
			err := json.Unmarshal(payload, &job)
			return job, err
		},
		repository: func(job Job) Repository {
			if repository == nil {
				return Repository{}
			}
			j, _ := job.(J)
			return repository(j)
		},
	}
}

// kinds has a row for each type of job.
var kinds = map[string]kind{
	PlanPull{}.Kind():     kindOf(func(j PlanPull) Repository { return j.Repository }),
	JudgePull{}.Kind():    kindOf(func(j JudgePull) Repository { return j.Repository }),
	Refresh{}.Kind():      kindOf(func(j Refresh) Repository { return j.Repository }),
	PlanHead{}.Kind():     kindOf(func(j PlanHead) Repository { return j.Repository }),
	PlanGroup{}.Kind():    kindOf(func(j PlanGroup) Repository { return j.Repository }),
	Rerun{}.Kind():        kindOf(func(j Rerun) Repository { return j.Repository }),
	DeployBranch{}.Kind(): kindOf(func(j DeployBranch) Repository { return j.Repository }),
	RunCommands{}.Kind():  kindOf(func(j RunCommands) Repository { return j.Repository }),
	CheckDrift{}.Kind():   kindOf(func(j CheckDrift) Repository { return j.Repository }),
	Sweep{}.Kind():        kindOf[Sweep](nil),
	Repair{}.Kind():       kindOf[Repair](nil),
}

// DecodeJob reads back a job that was stored as JSON under its kind.
func DecodeJob(name string, payload []byte) (Job, error) {
	k, known := kinds[name]
	if !known {
		return nil, fmt.Errorf("no job is of kind %q", name)
	}
	job, err := k.decode(payload)
	if err != nil {
		return nil, fmt.Errorf("read a job of kind %s: %w", name, err)
	}
	return job, nil
}

// RepositoryOf returns the repository that a job is about; the zero value where it is
// about none.
func RepositoryOf(job Job) Repository {
	k, known := kinds[job.Kind()]
	if !known {
		return Repository{}
	}
	return k.repository(job)
}
