package real

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"
)

// text joins the members of a text with empty lines. From a gettext catalogue (.po) it takes translations that no
// earlier catalogue has, and from a wheel's METADATA the part after the header, which is the project's README.
func (ws wheels) text(f File) (io.Reader, error) {
	var parts []string
	seen := map[string]bool{}
	for _, p := range f.Parts {
		found, err := ws.members(p)
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, m := range found {
			text, err := textOf(m, seen)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			if text != "" {
				texts = append(texts, text)
			}
		}
		parts = append(parts, strings.TrimRight(cut(strings.Join(texts, "\n\n"), p.Most), "\n"))
	}
	return strings.NewReader(strings.Join(parts, "\n\n") + "\n"), nil
}

// textOf returns a text's part from a member. seen holds the translations so far.
func textOf(m *zip.File, seen map[string]bool) (string, error) {
	raw, err := m.Open()
	if err != nil {
		return "", err
	}
	defer raw.Close()
	data, err := io.ReadAll(raw)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", errors.New("not UTF-8")
	}
	content := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	switch {
	case path.Ext(m.Name) == ".po":
		messages, err := translations(content)
		if err != nil {
			return "", err
		}
		var lines []string
		for _, m := range messages {
			if !seen[m] {
				seen[m] = true
				lines = append(lines, m)
			}
		}
		content = strings.Join(lines, "\n")
	case path.Base(m.Name) == "METADATA":
		_, content, _ = strings.Cut(content, "\n\n")
	}
	return strings.Trim(content, "\n"), nil
}

// cut returns the lines at the start of text that have at most most bytes together; all of them if most is 0.
func cut(text string, most int) string {
	if most == 0 || len(text) <= most {
		return text
	}
	return text[:strings.LastIndexByte(text[:most], '\n')+1]
}
