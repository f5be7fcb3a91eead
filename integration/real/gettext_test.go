package real

import (
	"slices"
	"testing"
)

const catalogue = `# Translators: nobody
msgid ""
msgstr ""
"Project-Id-Version: django\n"
"Language: de\n"

#: views.py:1
msgid "Hello"
msgstr "Hallo \"Welt\""

msgctxt "noun"
msgid ""
"a long "
"text"
msgstr ""
"ein langer\tText,\n"
"  der umbricht\n"

#, fuzzy
msgid "old"
msgstr "zu prüfen"

#, python-format
#| msgid "%d leaf"
msgid "%d leaf"
msgid_plural "%d leaves"
msgstr[0] "%d Blatt"
msgstr[1] ""
"%d "
"Blätter"

msgid "untranslated"
msgstr ""
msgid "close by"
msgstr "dicht dabei"
#~ msgid "obsolete"
#~ msgstr "überholt"
`

func TestTranslations(t *testing.T) {
	got, err := translations(catalogue)
	want := []string{
		`Hallo "Welt"`, "ein langer\tText,   der umbricht", "%d Blatt", "%d Blätter", "dicht dabei",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestTranslationsRefuses(t *testing.T) {
	for _, bad := range []string{"msgid \"a\nmsgstr \"b\"", "\"a\"", "message \"a\"", "hello", "msgstr \"\\q\""} {
		if got, err := translations(bad); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
