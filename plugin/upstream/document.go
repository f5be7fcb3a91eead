package upstream

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Item is one row of a table: one thing that is relied on.
type Item struct {
	For  string // who relies on it, e.g. the number of a patch; "" if the table does not say
	What string // for people
	Tree string // name of the source, e.g. llama.cpp
	File string // in that tree, slash-separated; for a count it may be a folder, which ends in /

	fact fact
}

// Place is the file with the name of its tree.
func (it Item) Place() string { return it.Tree + "/" + it.File }

// Headings of the tables, which say what their rows are.
const (
	kindStructs = "Structs" // a struct has exactly these members, in this order
	kindMembers = "Members" // a struct or class has these members, beside others
	kindEnums   = "Enums"   // these names follow each other in an enum, with nothing between
	kindTexts   = "Texts"   // these texts are in the file, in this order
	kindCounts  = "Counts"  // a text is so many times in a file, or in all sources of a folder
)

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans returns the code in a cell of a table.
func spans(cell string) (code []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		code = append(code, m[1])
	}
	return code
}

// cells splits a line of a table; \| is a character of a cell.
func cells(line string) []string {
	line = strings.Trim(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
	list := strings.Split(line, "|")
	for i := range list {
		list[i] = strings.TrimSpace(strings.ReplaceAll(list[i], "\x00", "|"))
	}
	return list
}

// Read returns the rows of all tables of a Markdown document that stand under a heading of the third level, which names
// their kind. Columns are found by their names: "for" (optional), "what", "file", "struct" or "enum", "members" or
// "names", "as it stands there", "times". A row that is not understood is an error, so that none is overlooked.
func Read(doc string) (items []Item, err error) {
	kind, columns := "", []string(nil)
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			kind, _ = strings.CutPrefix(line, "### ")
			if kind == line {
				kind = ""
			}
		}
		if !strings.HasPrefix(line, "|") {
			columns = nil
			continue
		}
		if kind == "" || strings.HasPrefix(strings.TrimLeft(line, "| :"), "-") {
			continue
		}
		if columns == nil {
			columns = cells(line)
			continue
		}
		item, err := readRow(kind, columns, cells(line))
		if err != nil {
			return nil, fmt.Errorf("%w, under %q: %s", err, kind, line)
		}
		items = append(items, item)
	}
	return items, nil
}

func readRow(kind string, columns, row []string) (it Item, err error) {
	if len(row) != len(columns) {
		return it, fmt.Errorf("%d columns, not %d", len(row), len(columns))
	}
	cell := map[string]string{}
	for i, name := range columns {
		cell[name] = row[i]
	}
	it.For, it.What = cell["for"], cell["what"]
	var ok bool
	if it.Tree, it.File, ok = strings.Cut(cell["file"], "/"); !ok || it.File == "" {
		return it, fmt.Errorf("no file")
	}
	switch kind {
	case kindStructs, kindMembers:
		name, members := one(cell["struct"]), strings.Fields(one(cell["members"]))
		if name == "" || len(members) == 0 {
			return it, fmt.Errorf("no struct with members")
		}
		it.describe("struct " + name)
		it.fact = structFact{name, members, kind == kindStructs}
	case kindEnums:
		name, names := one(cell["enum"]), strings.Fields(one(cell["names"]))
		if name == "" || len(names) == 0 {
			return it, fmt.Errorf("no enum with names")
		}
		it.describe("enum " + name)
		it.fact = enumFact{name, names}
	case kindTexts:
		texts := spans(cell["as it stands there"])
		if len(texts) == 0 {
			return it, fmt.Errorf("no text")
		}
		it.fact = textFact(texts)
	case kindCounts:
		text := one(cell["as it stands there"])
		times, err := strconv.Atoi(cell["times"])
		if text == "" || err != nil {
			return it, fmt.Errorf("no text with a number")
		}
		it.fact = countFact{text, times}
	default:
		return it, fmt.Errorf("no such kind of table")
	}
	return it, nil
}

// describe names an item whose table has no column for that.
func (it *Item) describe(what string) {
	if it.What == "" {
		it.What = what
	} else {
		it.What = what + ": " + it.What
	}
}

// one returns the code of a cell that has one piece of it, else "".
func one(cell string) string {
	if code := spans(cell); len(code) == 1 {
		return code[0]
	}
	return ""
}
