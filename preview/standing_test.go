package preview

import (
	"strings"
	"testing"
)

// An object that names another one of the same change is not refused because that
// one is not there yet; one that names what nobody brings is. (Pods, too; here the
// API server does not insist on their accounts, but in the tests of deploy it does.)
func TestWhatStandsOnAnotherOfTheSameChange(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cluster.GrantDeployer(t, b.namespace, "deployer")
	config, err := b.cluster.ServiceAccount(t.Context(), b.namespace, "deployer")
	if err != nil {
		t.Fatal(err)
	}
	deployer := b.as(config, ClusterOptions{})
	for _, test := range []struct{ name, object, brought, refused string }{
		{"a binding and its role",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}\nsubjects: [{kind: ServiceAccount, name: web}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: web}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
			`"web" not found`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if c := b.planAs(deployer, "", test.object).Changes[0]; c.Action != Refused || !strings.Contains(c.Reason, test.refused) {
				t.Errorf("alone it is %s: %s", c.Action, c.Reason)
			}
			other := strings.Replace(test.brought, "{name: web}", "{name: other}", 1)
			for brought, want := range map[string]Action{test.brought: Create, other: Refused} {
				for _, c := range b.planAs(deployer, "", test.object+"\n---\n"+brought).Changes {
					stands := strings.HasPrefix(test.object, "apiVersion: "+c.APIVersion+"\nkind: "+c.ID.Kind+"\n")
					switch {
					case !stands && c.Action != Create:
						t.Errorf("%s is %s: %s", c.ID, c.Action, c.Reason)
					case stands && (c.Action != want || c.NotValidated != (want == Create)):
						t.Errorf("beside\n%sit is %s, not validated %t: %s", brought, c.Action, c.NotValidated, c.Reason)
					}
				}
			}
		})
	}
}
