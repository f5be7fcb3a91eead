package page

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// head is the head of a column: a P.
type head struct {
	Probes int
	Own    bool // the file's own P
}

func heads(r evaluation.Report) []head {
	var all []head
	for _, p := range r.Points {
		all = append(all, head{p.Probes, p.Probes == int(r.Model.Probes)})
	}
	return all
}

// row is a number for each P.
type row struct {
	Name  string
	Cells []string
}

// table returns all numbers of the points. A row is named as in `fh-ollama eval --json`.
func table(points []evaluation.Point) []row {
	var rows []row
	for column, p := range points {
		for _, n := range numbers("", reflect.ValueOf(p)) {
			i := slices.IndexFunc(rows, func(r row) bool { return r.Name == n.Name })
			if i < 0 {
				i = len(rows)
				rows = append(rows, row{n.Name, slices.Repeat([]string{missing}, len(points))})
			}
			rows[i].Cells[column] = n.Value
		}
	}
	return rows
}

// numbers lists the numbers in v. Fields without a value are left out, and the members of a slice have names.
func numbers(name string, v reflect.Value) []fact {
	switch x := v.Interface().(type) {
	case statistics.Proportion:
		if x.Total == 0 {
			return nil
		}
		return []fact{{name, fmt.Sprintf("%s (%s)", percent(x.Share()), interval(x))}}
	case float64:
		return []fact{{name, significant(x, 5)}}
	case int, int64:
		return []fact{{name, fmt.Sprint(x)}}
	}
	var all []fact
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return numbers(name, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, numbers(name+"."+v.Index(i).FieldByName("Name").String(), v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if key == "probes" { // in the head
				continue
			}
			if name != "" {
				key = name + "." + key
			}
			all = append(all, numbers(key, v.Field(i))...)
		}
	}
	return all
}

// relativeBytes returns the head's bytes per token relative to the dense head's; NaN if unknown.
func relativeBytes(r evaluation.Report, p evaluation.Point) float64 {
	if r.Model.HeadBytes <= 0 {
		return math.NaN()
	}
	return float64(p.HeadBytes) / float64(r.Model.HeadBytes)
}
