package sampletext

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// There are kinds for all common uses of models, and each half of a kind is long enough, for the fit and for measuring.
func TestKinds(t *testing.T) {
	groups := map[string]int{}
	for _, kind := range Kinds() {
		groups[kind.Group]++
		if n := utf8.RuneCountInString(kind.Text); !utf8.ValidString(kind.Text) || n < 1000 || n > 6000 {
			t.Errorf("%s/%s has %d characters", kind.Group, kind.Name, n)
		}
	}
	languages := 0
	for _, group := range []string{"latin", "european", "east", "south", "rtl"} {
		languages += groups[group]
	}
	if languages < 25 || groups["code"] < 10 {
		t.Errorf("%d languages, %d languages of code", languages, groups["code"])
	}
	for _, group := range []string{"english", "chat", "maths", "data", "markup"} {
		if groups[group] == 0 {
			t.Errorf("nothing of %s", group)
		}
	}
	if !slices.IsSortedFunc(Kinds(), func(a, b Kind) int { return slices.Compare([]string{a.Group}, []string{b.Group}) }) {
		t.Error("the groups are mixed")
	}
}

// Unseen text has several kinds, is long enough, and is not in the calibration's text.
func TestUnseen(t *testing.T) {
	var groups []string
	for _, kind := range Unseen() {
		groups = append(groups, kind.Group)
		if n := utf8.RuneCountInString(kind.Text); !utf8.ValidString(kind.Text) || n < 900 || n > 12_000 {
			t.Errorf("%s has %d characters", kind.Group, n)
		}
		for _, other := range Kinds() {
			if opening := kind.Text[:min(len(kind.Text), 60)]; strings.Contains(other.Text, opening) {
				t.Errorf("%s is in %s/%s", kind.Group, other.Group, other.Name)
			}
		}
	}
	if !slices.Equal(groups, []string{"chat", "code", "data", "english", "languages", "scripts"}) {
		t.Errorf("%v", groups)
	}
}
