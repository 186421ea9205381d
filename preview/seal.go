package preview

import "github.com/slipwayhq/slipway/render"

// seal is the end of an object that SOPS encrypted: nobody here can read it, so it
// is neither compared with what is live nor applied. The change has what the pull
// request changes in it, and of what is encrypted the place alone.
func (it *item) seal() {
	it.change.Action = Encrypted
	it.change.Reason = "encrypted by SOPS, not applied by Slipway"
	it.change.Hint = "whoever has the keys applies it, Flux for instance"
	if it.head == nil {
		it.change.Reason = "was encrypted by SOPS, and is not deleted by Slipway"
		it.change.Hint = "whoever applied it deletes it, Flux for instance"
		return
	}
	after := withoutSops(it.head)
	before := visible(identityOf(after.value.(map[string]any)), identityOf(after.value.(map[string]any)))
	if it.base != nil && it.base.Encrypted() {
		before = withoutSops(it.base)
	}
	for _, d := range compare(before, after, nil) {
		it.change.Fields = append(it.change.Fields, Field{Path: d.path.String(), Old: d.old, New: d.new, Source: FromPullRequest})
	}
	sortFields(it.change.Fields)
}

// withoutSops returns an object, as it may be shown, without SOPS' own block, which
// changes whenever anything does.
func withoutSops(object *render.Object) side {
	bare := make(map[string]any)
	for key, value := range object.Unmasked() {
		if key != "sops" {
			bare[key] = value
		}
	}
	return visible(bare, closed(bare, object.Masker().Mask(bare)))
}

// closed returns the masked form of a value, in which nothing stands for what is
// encrypted but a word.
func closed(value, masked any) any {
	switch typed := value.(type) {
	case map[string]any:
		inside, ok := masked.(map[string]any)
		if !ok {
			return masked
		}
		m := make(map[string]any, len(typed))
		for key, inner := range typed {
			m[key] = closed(inner, inside[key])
		}
		return m
	case []any:
		inside, ok := masked.([]any)
		if !ok || len(inside) != len(typed) {
			return masked
		}
		list := make([]any, len(typed))
		for i, inner := range typed {
			list[i] = closed(inner, inside[i])
		}
		return list
	case string:
		if render.IsEncrypted(typed) {
			return "(encrypted)"
		}
	}
	return masked
}
