package preview

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A verdict is what an error says about an object.
type verdict struct {
	action Action // Replace, Refused or Unknown
	reason string // not yet redacted
	hint   string
}

// judge reads the answer to a dry run that did not go well.
func judge(err error, kind string) verdict {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return verdict{action: Unknown, reason: err.Error(), hint: "the cluster did not answer; run the plan again when it does"}
	}
	status := answer.Status()
	v := verdict{action: Refused, reason: err.Error()}
	for _, known := range refusals {
		if known.code != 0 && int(status.Code) != known.code {
			continue
		}
		if strings.Contains(v.reason, known.text) {
			v.hint = known.hint
			if known.unknown {
				v.action = Unknown
			}
			return v
		}
	}
	if status.Code >= 500 || status.Code == http.StatusTooManyRequests || status.Code == http.StatusUnauthorized ||
		status.Code == http.StatusConflict || status.Code == http.StatusRequestTimeout {
		v.action = Unknown
		return v
	}
	if status.Code == http.StatusUnprocessableEntity && isImmutable(kind, status.Details) {
		v.action = Replace
		v.hint = "the object must be deleted and created again, or the field put back as it was"
	}
	return v
}

// byText adds the hint of a refusal that is known by its words alone.
func byText(v verdict) verdict {
	for _, known := range refusals {
		if known.code == 0 && strings.Contains(v.reason, known.text) {
			v.hint = known.hint
			return v
		}
	}
	v.hint = "correct the field; the schema says what it takes"
	return v
}

// refusals are the answers that have something to do about them: the first whose
// code (0 for any) and text fit. Texts are the API server's own.
var refusals = []struct {
	code    int
	text    string
	hint    string
	unknown bool
}{
	{0, "does not support dry run", "set sideEffects to None or NoneOnDryRun in this webhook's configuration, so that a plan can be made without it acting", false},
	{0, "denied the request", "change what the admission webhook objects to, or ask whoever runs it", false},
	{0, "denied request", "change what the admission policy objects to, or ask whoever runs it", false},
	{0, "failed calling webhook", "an admission webhook does not answer; mend it or its failurePolicy, then run the plan again", true},
	{0, "conversion webhook", "the webhook that converts this kind's versions does not answer; mend it, then run the plan again", true},
	{0, "to proper version: ", "give the field a value of the kind that the API server's words ask for", false},
	{http.StatusForbidden, "exceeded quota", "ask for less, or have the namespace's ResourceQuota raised", false},
	{http.StatusForbidden, "is being terminated", "wait until the namespace is gone, or keep it", false},
	{http.StatusForbidden, "violates PodSecurity", "meet the namespace's Pod Security level, or have it changed", false},
	{http.StatusForbidden, "attempting to grant RBAC permissions not currently held", "grant the target's service account these permissions first, or the escalate verb", false},
	{http.StatusForbidden, "cannot ", "grant the target's service account this verb on this resource", false},
	{0, "duplicate entries for key", "give each list item a key of its own; server-side apply takes each key once", false},
	{0, "field not declared in schema", "correct the field's name or place; the API server's schema does not have it", false},
	{0, "unknown field", "correct the field's name or place; the API server's schema does not have it", false},
	{0, "failed to create typed patch object", "give the field the type that the API server's schema asks for", false},
	{http.StatusUnprocessableEntity, "Duplicate value", "two items have this name or number, in Git or because another field manager keeps one of them live; give the new one a name of its own, or have the old one removed there first", false},
	{http.StatusNotFound, "namespaces ", "create the namespace first, or bring it in the same change", false},
	{http.StatusNotFound, "bindings.rbac.authorization.k8s.io ", "the role that it names is not there: bring it in the same change, or make it first", false},
	{http.StatusNotFound, "", "install what serves this kind first", false},
	{http.StatusMethodNotAllowed, "", "this kind cannot be applied", false},
	{http.StatusRequestEntityTooLarge, "", "make the object smaller; the API server takes up to about 1.5 MiB", false},
}

// An immutable is one way in which the API server says that a field cannot change.
type immutable struct {
	kind    string // of the object; empty for any
	field   string // the cause's field begins so
	cause   metav1.CauseType
	message string // the cause's message has this
}

// immutables are the causes by which the API server says that a field can never
// change, beside "field is immutable", which it says for every kind.
var immutables = []immutable{
	{"", "", metav1.CauseTypeFieldValueInvalid, ": field is immutable"},
	{"ConfigMap", "", metav1.CauseTypeForbidden, "field is immutable when `immutable` is set"},
	{"Secret", "", metav1.CauseTypeForbidden, "field is immutable when `immutable` is set"},
	{"StatefulSet", "spec", metav1.CauseTypeForbidden, "updates to statefulset spec for fields other than"},
	{"Pod", "spec", metav1.CauseTypeForbidden, "pod updates may not change fields other than"},
	{"Service", "spec.clusterIP", metav1.CauseTypeFieldValueInvalid, "may not change once set"},
	{"Service", "spec.ipFamilies", metav1.CauseTypeFieldValueInvalid, "may not change once set"},
	{"Service", "spec.loadBalancerClass", metav1.CauseTypeFieldValueInvalid, "may not change once set"},
	{"Service", "spec.healthCheckNodePort", metav1.CauseTypeForbidden, "field is immutable"},
	{"PersistentVolumeClaim", "spec", metav1.CauseTypeForbidden, "spec is immutable after creation"},
	{"PersistentVolume", "spec.persistentvolumesource", metav1.CauseTypeForbidden, "is immutable after creation"},
	{"RoleBinding", "roleRef", metav1.CauseTypeFieldValueInvalid, "cannot change roleRef"},
	{"ClusterRoleBinding", "roleRef", metav1.CauseTypeFieldValueInvalid, "cannot change roleRef"},
	{"StorageClass", "parameters", metav1.CauseTypeForbidden, "updates to parameters are forbidden"},
	{"StorageClass", "provisioner", metav1.CauseTypeForbidden, "updates to provisioner are forbidden"},
	{"StorageClass", "reclaimPolicy", metav1.CauseTypeForbidden, "updates to reclaimPolicy are forbidden"},
	{"VolumeAttributesClass", "parameters", metav1.CauseTypeForbidden, "updates to parameters are forbidden"},
	{"VolumeAttributesClass", "driverName", metav1.CauseTypeForbidden, "updates to driverName are forbidden"},
	{"PriorityClass", "value", metav1.CauseTypeForbidden, "may not be changed in an update"},
}

// isImmutable reports whether every cause of a refusal is that a field cannot
// change. One other cause, and creating the object again would fail too.
func isImmutable(kind string, details *metav1.StatusDetails) bool {
	if details == nil || len(details.Causes) == 0 {
		return false
	}
	for _, cause := range details.Causes {
		known := slices.ContainsFunc(immutables, func(i immutable) bool {
			return (i.kind == "" || i.kind == kind) && i.cause == cause.Type &&
				strings.HasPrefix(cause.Field, i.field) && strings.Contains(cause.Message, i.message)
		})
		if !known {
			return false
		}
	}
	return true
}
