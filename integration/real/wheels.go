package real

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// wheels are open wheels by package.
type wheels map[string]*zip.ReadCloser

// open opens the wheels of f, which are in the cache.
func (c *Cache) open(f File) (wheels, error) {
	opened := wheels{}
	for _, w := range c.Pins.WheelsOf(f) {
		z, err := zip.OpenReader(c.wheelPath(w))
		if err != nil {
			opened.close()
			return nil, fmt.Errorf("%s: %w", c.wheelPath(w), err)
		}
		opened[w.Package] = z
	}
	return opened, nil
}

func (ws wheels) close() {
	for _, z := range ws {
		z.Close()
	}
}

// members returns the members of a wheel that match the pattern, sorted by name. None is an error.
func (ws wheels) members(p Part) ([]*zip.File, error) {
	var found []*zip.File
	for _, member := range ws[p.Wheel].File {
		if ok, _ := path.Match(p.Member, member.Name); ok {
			found = append(found, member)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the wheel of %s has no %s", p.Wheel, p.Member)
	}
	slices.SortFunc(found, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// content returns the content of f: a model's parts in order, or a text.
func (ws wheels) content(f File) (io.Reader, error) {
	if f.text {
		return ws.text(f)
	}
	var parts []io.Reader
	for _, p := range f.Parts {
		found, err := ws.members(p)
		if err != nil {
			return nil, err
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("the wheel of %s has %d members %s", p.Wheel, len(found), p.Member)
		}
		parts = append(parts, &member{file: found[0]})
	}
	return io.MultiReader(parts...), nil
}

// member reads a member of a wheel, which it opens at the first read.
type member struct {
	file *zip.File
	open io.ReadCloser
}

func (m *member) Read(p []byte) (int, error) {
	if m.open == nil {
		var err error
		if m.open, err = m.file.Open(); err != nil {
			return 0, err
		}
	}
	n, err := m.open.Read(p)
	if err != nil {
		m.open.Close()
	}
	return n, err
}
