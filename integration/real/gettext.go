package real

import (
	"fmt"
	"strconv"
	"strings"
)

// translations returns the messages of a gettext catalogue, each as one line, without the header and messages that are
// empty, fuzzy (to be reviewed) or obsolete. https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html
func translations(catalogue string) ([]string, error) {
	var found []string
	var current entry
	number := 0
	for line := range strings.Lines(catalogue) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "#"):
			found = current.end(found)
			if flags, ok := strings.CutPrefix(line, "#,"); ok && strings.Contains(flags, "fuzzy") {
				current.fuzzy = true
			}
			continue
		}
		keyword, quoted := "", line
		if line[0] != '"' {
			keyword, quoted, _ = strings.Cut(line, " ")
		}
		text, err := strconv.Unquote(strings.TrimSpace(quoted))
		if err != nil {
			return nil, fmt.Errorf("line %d is not of a gettext catalogue: %q", number, line)
		}
		switch {
		case keyword == "":
			if current.into == nil {
				return nil, fmt.Errorf("line %d continues nothing: %q", number, line)
			}
			*current.into += text
		case keyword == "msgctxt" || keyword == "msgid":
			found = current.end(found)
			current.begin(keyword == "msgid", text)
		case keyword == "msgid_plural":
			current.into = new(string)
		case strings.HasPrefix(keyword, "msgstr"):
			current.messages = append(current.messages, &text)
			current.into = &text
		default:
			return nil, fmt.Errorf("line %d has the unknown word %q", number, keyword)
		}
	}
	return current.end(found), nil
}

// entry is a message of a catalogue that is being read.
type entry struct {
	fuzzy    bool
	id       string
	messages []*string // one for each plural
	into     *string   // what a line without a keyword continues
}

// begin notes the text of msgid, or of msgctxt, which comes before it.
func (e *entry) begin(id bool, text string) {
	if !id {
		e.into = &text
		return
	}
	e.id = text
	e.into = &e.id
}

// end appends the messages of an entry whose translation was read, and starts the next.
func (e *entry) end(found []string) []string {
	if len(e.messages) == 0 {
		return found
	}
	for _, m := range e.messages {
		if line := strings.TrimSpace(strings.ReplaceAll(*m, "\n", " ")); line != "" && e.id != "" && !e.fuzzy {
			found = append(found, line)
		}
	}
	*e = entry{}
	return found
}
