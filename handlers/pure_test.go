package handlers

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/deploy"
	"github.com/slipwayhq/slipway/deploy/inventory"
	"github.com/slipwayhq/slipway/handlers/config"
	"github.com/slipwayhq/slipway/handlers/report"
	"github.com/slipwayhq/slipway/render"
)

var shop = Repository{Owner: "acme", Name: "shop", DefaultBranch: "main"}

func TestEventsAskForJobs(t *testing.T) {
	comment := CommentEvent{Action: "created", Repository: shop, Number: 7, OnPull: true, Comment: 5, Author: "alice", Person: true, Body: "/plan"}
	with := func(change func(*CommentEvent)) CommentEvent { c := comment; change(&c); return c }
	for _, test := range []struct {
		name  string
		event Event
		want  []string // kind and key
	}{
		{"opened", PullRequestEvent{Action: "opened", Repository: shop, Number: 7}, []string{"plan_pull pr/acme/shop#7"}},
		{"pushed to", PullRequestEvent{Action: "synchronize", Repository: shop, Number: 7}, []string{"plan_pull pr/acme/shop#7"}},
		{"title edited", PullRequestEvent{Action: "edited", Repository: shop, Number: 7}, nil},
		{"base edited", PullRequestEvent{Action: "edited", Repository: shop, Number: 7, BaseChanged: true}, []string{"plan_pull pr/acme/shop#7"}},
		{"closed", PullRequestEvent{Action: "closed", Repository: shop, Number: 7}, []string{"plan_pull pr/acme/shop#7"}},
		{"of the future", PullRequestEvent{Action: "enqueued_again", Repository: shop, Number: 7}, nil},
		{"merge group", MergeGroupEvent{Action: "checks_requested", Repository: shop, BaseRef: "refs/heads/main", Head: "abc"}, []string{"plan_group group/acme/shop@abc"}},
		{"merge group gone", MergeGroupEvent{Action: "destroyed", Repository: shop, Head: "abc"}, nil},
		{"re-run", RerunEvent{Repository: shop, Head: "abc", HeadBranch: "feature"}, []string{"rerun rerun/acme/shop@abc"}},
		{"re-run of a merge group", RerunEvent{Repository: shop, Head: "abc", HeadBranch: "gh-readonly-queue/release/1.0/pr-7-def"}, []string{"plan_group group/acme/shop@abc"}},
		{"a branch that looks like a queue's", RerunEvent{Repository: shop, Head: "abc", HeadBranch: "gh-readonly-queue/main"}, []string{"rerun rerun/acme/shop@abc"}},
		{"push to main", PushEvent{Repository: shop, Branch: "main", Head: "abc"}, []string{"deploy_branch branch/acme/shop/main", "refresh base/acme/shop/main"}},
		{"push elsewhere", PushEvent{Repository: shop, Branch: "feature", Head: "abc"}, []string{"refresh base/acme/shop/feature"}},
		{"reopened", PullRequestEvent{Action: "reopened", Repository: shop, Number: 7}, []string{"plan_pull pr/acme/shop#7"}},
		{"labeled", PullRequestEvent{Action: "labeled", Repository: shop, Number: 7}, []string{"judge_pull judge/acme/shop#7"}},
		{"unlabeled", PullRequestEvent{Action: "unlabeled", Repository: shop, Number: 7}, []string{"judge_pull judge/acme/shop#7"}},
		{"a draft again", PullRequestEvent{Action: "converted_to_draft", Repository: shop, Number: 7}, []string{"judge_pull judge/acme/shop#7"}},
		{"ready for review", PullRequestEvent{Action: "ready_for_review", Repository: shop, Number: 7}, []string{"plan_pull pr/acme/shop#7"}},
		{"reviewed", ReviewEvent{Action: "submitted", Repository: shop, Number: 7}, []string{"judge_pull judge/acme/shop#7"}},
		{"review dismissed", ReviewEvent{Action: "dismissed", Repository: shop, Number: 7}, []string{"judge_pull judge/acme/shop#7"}},
		{"review reworded", ReviewEvent{Action: "edited", Repository: shop, Number: 7}, nil},
		{"main deleted", PushEvent{Repository: shop, Branch: "main", Deleted: true}, nil},
		{"command", comment, []string{"run_commands comment/5"}},
		{"command edited in", with(func(c *CommentEvent) { c.Action = "edited" }), nil},
		{"command of a bot", with(func(c *CommentEvent) { c.Person = false }), nil},
		{"command on an issue", with(func(c *CommentEvent) { c.OnPull = false }), nil},
		{"no command", with(func(c *CommentEvent) { c.Body = "looks good" }), nil},
		{"quoted command", with(func(c *CommentEvent) { c.Body = "> /apply" }), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, job := range test.event.Jobs() {
				got = append(got, job.Kind()+" "+job.Key())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARerunOfAMergeGroupKnowsItsBase(t *testing.T) {
	jobs := RerunEvent{Repository: shop, Head: "abc", HeadBranch: "gh-readonly-queue/release/1.0/pr-7-def"}.Jobs()
	if job := jobs[0].(PlanGroup); job.BaseRef != "release/1.0" || !job.Again {
		t.Errorf("the job is %+v", job)
	}
}

func TestSeveralPushesAreOneMove(t *testing.T) {
	first, second := Refresh{Repository: shop, Branch: "main", Before: "1"}, Refresh{Repository: shop, Branch: "main", Before: "2"}
	if got := second.Absorb(first).(Refresh); got.Before != "1" || !second.Follows(first) {
		t.Errorf("the move became %+v, which follows: %v", got, second.Follows(first))
	}
	plan := PlanPull{Repository: shop, Number: 7}
	if got := (PlanPull{Repository: shop, Number: 7, Judge: true}).Absorb(plan).(PlanPull); got.Judge {
		t.Error("a label took the place of a plan")
	}
}

func TestOnlyANewerCommitInterruptsARollout(t *testing.T) {
	first := DeployBranch{Repository: shop, Head: "1"}
	for head, follows := range map[render.Commit]bool{"": true, "1": true, "2": false} {
		if got := (DeployBranch{Repository: shop, Head: head}).Follows(first); got != follows {
			t.Errorf("a job of head %q follows: %v, want %v", head, got, follows)
		}
	}
}

func TestAnUndoneSweepIsDueStill(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	older := Sweep{Since: start, Until: start.Add(time.Minute)}
	newer := Sweep{Since: start.Add(time.Minute), Until: start.Add(2 * time.Minute)}
	if got := newer.Absorb(older).(Sweep); got.Since != older.Since || got.Until != newer.Until {
		t.Errorf("the sweeps became %+v", got)
	}
	if !newer.Follows(older) {
		t.Error("the clock interrupts a sweep that takes longer than its period, and none ever ends")
	}
}

func TestDueIsWhatTheScheduleSays(t *testing.T) {
	at := func(clock string) time.Time {
		moment, err := time.Parse(time.DateTime, "2026-11-01 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, test := range []struct {
		schedule, since, until, account string
		want                            bool
	}{
		{"*/15 * * * *", "12:10:00", "12:15:00", "deployer", true},
		{"*/15 * * * *", "12:15:00", "12:20:00", "deployer", false}, // it was due in the sweep before
		{"*/15 * * * *", "12:14:59", "12:15:00", "deployer", true},
		{"*/15 * * * *", "12:10:00", "12:15:00", "", false}, // nobody to look as
		{"0 3 * * *", "02:00:00", "04:00:00", "deployer", true},
		{"0 3 31 2 *", "02:00:00", "04:00:00", "deployer", false}, // no February has it
	} {
		settings := config.DefaultEnvironment("production")
		settings.Drift.Schedule, settings.ServiceAccount = test.schedule, test.account
		if got := due(settings, Sweep{Since: at(test.since), Until: at(test.until)}); got != test.want {
			t.Errorf("%s is due between %s and %s: %v, want %v", test.schedule, test.since, test.until, got, test.want)
		}
	}
}

func TestOneHeadHasOneGate(t *testing.T) {
	gate := func(c report.Conclusion) report.Check { return report.Check{Name: report.GateName, Conclusion: c} }
	environment := report.Check{Name: "slipway / production", Conclusion: report.Success}
	alone := combine([]int{7}, [][]report.Check{{gate(report.Success), environment}})
	if alone[1].Name != environment.Name {
		t.Errorf("the check of one pull request is called %s", alone[1].Name)
	}
	about := func(c report.Check, what string) report.Check { c.About = []string{what}; return c }
	both := combine([]int{7, 8}, [][]report.Check{
		{about(gate(report.Success), "#7 into main"), environment}, {about(gate(report.Failure), "#8 into release"), environment},
	})
	if diff := cmp.Diff([]string{"#7 into main", "#8 into release"}, both[0].About); diff != "" {
		t.Errorf("the gate of both is about (-want +got):\n%s", diff)
	}
	var names []string
	for _, check := range both {
		names = append(names, check.Name)
	}
	if diff := cmp.Diff([]string{"slipway", "slipway / production (#7)", "slipway / production (#8)"}, names); diff != "" {
		t.Error(diff)
	}
	if both[0].Conclusion != report.Failure {
		t.Errorf("the gate of both is %s, want the worst", both[0].Conclusion)
	}
}

func TestWhatIsBoundIsReadBack(t *testing.T) {
	want := map[string]string{"production/web--app": "1a2b", "staging/--><script>": "3c4d"}
	body := bind("<!-- slipway:deployment -->\n### Deployed\n", want)
	lines := strings.Split(body, "\n")
	if lines[0] != "<!-- slipway:deployment -->" || lines[2] != "### Deployed" || strings.Count(lines[1], "-->") != 1 {
		t.Errorf("the body became\n%s", body)
	}
	if diff := cmp.Diff(want, bound(body)); diff != "" {
		t.Error(diff)
	}
	for _, other := range []string{"", "one line", "<!-- marker -->\n### Deployed", "<!-- marker -->\n" + boundBegins + "no JSON" + boundEnds} {
		if got := bound(other); len(got) != 0 {
			t.Errorf("%q binds %v", other, got)
		}
	}
}

func TestWhatIsUnfitIsNotPromoted(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	healthy := inventory.Deployment{Commit: "1111111", State: inventory.Healthy, Ended: now.Add(-time.Hour)}
	failed := inventory.Deployment{Commit: "2222222", State: inventory.Failed}
	soaking := deploy.DefaultPromotion()
	soaking.Soak = deploy.Duration(2 * time.Hour)
	for _, test := range []struct {
		name     string
		record   inventory.Record
		settings deploy.PromotionSettings
		want     string
	}{
		{"healthy", inventory.Record{Deployed: &healthy, Current: &healthy}, deploy.DefaultPromotion(), ""},
		{"nothing yet", inventory.Record{}, deploy.DefaultPromotion(), "nothing is deployed"},
		{"a newer one failed", inventory.Record{Deployed: &healthy, Current: &failed}, deploy.DefaultPromotion(), "2222222 is failed"},
		{"not for long enough", inventory.Record{Deployed: &healthy, Current: &healthy}, soaking, "2h0m0s is to pass first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			problem := unfit(render.Target{Environment: "staging", Application: "web"}, test.record, test.settings, now)
			switch {
			case test.want == "" && problem != nil:
				t.Errorf("refused: %v", problem)
			case test.want != "" && (problem == nil || !strings.Contains(problem.Message, test.want)):
				t.Errorf("the problem is %v, want one that says %q", problem, test.want)
			}
		})
	}
}

func TestDriftIsHeldAgainstWhatRuns(t *testing.T) {
	healthy, failed := inventory.Deployment{Commit: "1", State: inventory.Healthy}, inventory.Deployment{Commit: "2", State: inventory.Failed}
	for name, test := range map[string]struct {
		record inventory.Record
		want   render.Commit
	}{
		"nothing yet":     {inventory.Record{}, ""},
		"only a failure":  {inventory.Record{Current: &failed}, ""},
		"healthy":         {inventory.Record{Deployed: &healthy, Current: &healthy}, "1"},
		"a newer failure": {inventory.Record{Deployed: &healthy, Current: &failed}, "2"},
	} {
		got := render.Commit("")
		if runs := running(test.record); runs != nil {
			got = runs.Commit
		}
		if got != test.want {
			t.Errorf("%s: held against %q, want %q", name, got, test.want)
		}
	}
}

func TestWhatMayBePromoted(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	healthy := &inventory.Deployment{Commit: "aaaaaaaaaa", State: inventory.Healthy, Applied: now.Add(-2 * time.Hour), Ended: now.Add(-time.Hour)}
	failed := &inventory.Deployment{Commit: "bbbbbbbbbb", State: inventory.Failed, Applied: now.Add(-time.Minute), Ended: now}
	refused := &inventory.Deployment{Commit: "cccccccccc", State: inventory.Failed, Ended: now}
	for _, test := range []struct {
		name   string
		record inventory.Record
		after  deploy.After
		soak   time.Duration
		want   render.Commit // that is promoted; empty where nothing is
		says   string
	}{
		{"nothing is deployed", inventory.Record{}, deploy.AfterHealthy, 0, "", "nothing is deployed"},
		{"healthy", inventory.Record{Deployed: healthy, Current: healthy}, deploy.AfterHealthy, time.Hour, "aaaaaaaaaa", ""},
		{"healthy, not for long enough", inventory.Record{Deployed: healthy, Current: healthy}, deploy.AfterHealthy, 2 * time.Hour, "", "is healthy since 2026-05-04T11:00:00Z"},
		{"not healthy", inventory.Record{Deployed: healthy, Current: failed}, deploy.AfterHealthy, 0, "", "is not healthy: its deployment of bbbbbbb is failed"},
		{"applied is enough", inventory.Record{Deployed: healthy, Current: failed}, deploy.AfterApplied, time.Minute, "bbbbbbbbbb", ""},
		{"applied, and never healthy before", inventory.Record{Current: failed}, deploy.AfterApplied, 0, "bbbbbbbbbb", ""},
		{"applied, not for long enough", inventory.Record{Current: failed}, deploy.AfterApplied, time.Hour, "", "is applied since 2026-05-04T11:59:00Z"},
		{"not applied to its end", inventory.Record{Deployed: healthy, Current: refused}, deploy.AfterApplied, 0, "", "ccccccc is not applied to staging: its deployment is failed"},
		{"applied, nothing is deployed", inventory.Record{}, deploy.AfterApplied, 0, "", "nothing is deployed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := deploy.PromotionSettings{After: test.after, Soak: deploy.Duration(test.soak)}
			problem := unfit(render.Target{Environment: "staging"}, test.record, settings, now)
			if problem != nil {
				if test.want != "" || !strings.Contains(problem.Message, test.says) {
					t.Errorf("refused: %v", problem)
				}
				return
			}
			if is, _ := promotable(test.record, settings); is.Commit != test.want {
				t.Errorf("%s is promoted, want %q", is.Commit, test.want)
			}
		})
	}
}

// A record that cannot be read stops its own target, and is never taken for one that
// says that nothing is deployed.
func TestDamagedRecordIsItsTargetsOwn(t *testing.T) {
	web, api := render.Target{Environment: "staging", Application: "web"}, render.Target{Environment: "staging", Application: "api"}
	r := &rollout{
		Worker: &Worker{Planner: &Planner{Now: time.Now}, Log: slog.New(slog.DiscardHandler)}, repo: shop,
		rendered: map[render.Target]*render.Rendered{web: {Target: web}, api: {Target: api}},
	}
	s := &stop{settings: config.Environment{Name: "staging"}, requests: []deploy.Request{{Target: web}, {Target: api}}}
	s.settings.Apply = config.BySlipway
	r.noteDamaged(t.Context(), s, []inventory.Damaged{
		{Name: named{s, web}.key(shop).Name(), Problem: render.Problem{Message: "edited by hand"}},
		{Name: "target-of-something-gone", Problem: render.Problem{Message: "edited by hand"}},
	})
	if problem := s.problemOf(web); problem == nil || problem.Message != "edited by hand" {
		t.Errorf("of its target it says %v", problem)
	}
	if problem := s.problemOf(api); problem != nil {
		t.Errorf("of another target it says %v", problem)
	}
	if status := r.statusOf([]named{{s, web}, {s, api}}); status.Targets[0].Problem == nil || status.Targets[1].Problem != nil {
		t.Errorf("the status is %+v", status.Targets)
	}
	requests, parts, err := r.driftRequests(t.Context(), s)
	if err != nil || len(requests) != 0 || len(parts) != 1 || parts[0].Target != web || parts[0].Problem == nil {
		t.Errorf("drift: %v, %+v, %v", requests, parts, err)
	}
}

// What a deployment did not come to write has not drifted, and is not known to be well.
func TestDriftAfterADeploymentThatEndedHalfWay(t *testing.T) {
	web := render.Target{Environment: "staging", Application: "web"}
	r := &rollout{Worker: &Worker{Planner: &Planner{Now: time.Now}, Log: slog.New(slog.DiscardHandler)}, repo: shop}
	healthy := &inventory.Deployment{Commit: "aaaaaaaaaa", State: inventory.Healthy}
	for _, state := range []inventory.State{inventory.Failed, inventory.Superseded} {
		ended := &inventory.Deployment{Commit: "bbbbbbbbbb", State: state, Reason: "not on a Friday"}
		s := &stop{settings: config.Environment{Name: "staging"}, requests: []deploy.Request{{Target: web}}}
		s.settings.Apply = config.BySlipway
		s.records = map[render.Target]inventory.Record{web: {Deployed: healthy, Current: ended}}
		requests, parts, err := r.driftRequests(t.Context(), s)
		if err != nil || len(requests) != 0 || len(parts) != 1 || parts[0].Commit != "bbbbbbbbbb" ||
			parts[0].Problem == nil || !strings.Contains(parts[0].Problem.Message, "not on a Friday") {
			t.Errorf("%s: %v, %+v, %v", state, requests, parts, err)
		}
		ended.Applied = time.Now()
		if problem := halfWay(ended); problem != nil {
			t.Errorf("%s, and all was written: %v", state, problem)
		}
	}
}

// The same files in another namespace are not deployed there yet.
func TestDeployedIsWhereTheSettingsSay(t *testing.T) {
	web := render.Target{Environment: "staging", Application: "web"}
	object := render.NewObject(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}}, render.Origin{}, nil)
	healthy := &inventory.Deployment{Digest: "x", State: inventory.Healthy}
	s := &stop{records: map[render.Target]inventory.Record{web: {Deployed: healthy, Current: healthy, Objects: []inventory.Entry{
		{ObjectID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "a"}},
		{ObjectID: render.ObjectID{Kind: "ConfigMap", Namespace: "shop", Name: "left"}}, // for the next apply
	}}}}
	request := deploy.Request{Target: web, Namespace: "shop", Rendered: &render.Rendered{Digest: "x", Objects: []render.Object{object}}, Sync: deploy.DefaultSync()}
	if !s.deployed(request) {
		t.Error("it is not deployed")
	}
	request.Namespace = "moved"
	if s.deployed(request) {
		t.Error("it is deployed in a namespace where it never was")
	}
}

// The targets of an environment that is configured no more give away what they have.
func TestOrphansAreSiblings(t *testing.T) {
	staging, orphan := render.Target{Environment: "staging", Application: "web"}, render.Target{Environment: "stage", Application: "web"}
	here := &stop{settings: config.Environment{Name: "staging"}, requests: []deploy.Request{{Target: staging}}, orphans: []render.Target{orphan}}
	elsewhere := &stop{settings: config.Environment{Name: "live", Cluster: "live"}, requests: []deploy.Request{{Target: render.Target{Environment: "live"}}}}
	introduce([]*stop{here, elsewhere})
	if siblings := here.requests[0].Siblings; len(siblings) != 1 || siblings[0].Target != orphan || siblings[0].Rendered != nil {
		t.Errorf("the siblings are %+v", siblings)
	}
	if siblings := elsewhere.requests[0].Siblings; len(siblings) != 0 {
		t.Errorf("in another cluster the siblings are %+v", siblings)
	}
}

// A plan is confirmed by its first digits, and what is kept is the digest of the very
// plan that was shown: whoever can have two of them begin alike must not swap them.
func TestAConfirmationIsOfThePlanThatWasShown(t *testing.T) {
	target := render.Target{Environment: "live", Application: "web"}
	full := "3f9d0c417be2" + strings.Repeat("a", 52)
	shown := map[string]string{boundConfirm + "live/web": full}
	for _, test := range []struct {
		name, written string
		shown         map[string]string
		before        bool
		want          string // empty where it is refused
	}{
		{"shown before", full[:12], shown, true, full},
		{"shown since", full[:12], shown, false, full[:12]},
		{"written whole", full, shown, true, full},
		{"another waits", "000000000000", shown, true, ""},
		{"nothing is shown here", full[:12], nil, true, full[:12]},
	} {
		got, problem := confirmed(target, test.written, test.shown, test.before)
		if got != test.want || (problem != nil) != (test.want == "") {
			t.Errorf("%s: %q, %v, want %q", test.name, got, problem, test.want)
		}
	}
}
