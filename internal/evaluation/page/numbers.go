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

// row is a number for each P. It is named as in `fh-ollama eval --json`.
type row struct {
	Name  string
	Cells []string
}

// table returns all numbers of the points.
func table(points []evaluation.Point) []row {
	var rows []row
	for column, p := range points {
		for _, f := range facts("", reflect.ValueOf(p)) {
			if f.Name == "probes" || strings.HasSuffix(f.Name, ".name") { // in the head, in other names
				continue
			}
			i := slices.IndexFunc(rows, func(r row) bool { return r.Name == f.Name })
			if i < 0 {
				i = len(rows)
				rows = append(rows, row{f.Name, slices.Repeat([]string{missing}, len(points))})
			}
			rows[i].Cells[column] = f.Value
		}
	}
	return rows
}

// sources lists what was evaluated, and how, and the required P.
func sources(r evaluation.Report) []fact {
	required := facts("unknown", reflect.ValueOf(r.Unknown))
	if r.Unknown == "" {
		required = facts("required_probes", reflect.ValueOf(r.Required))
	}
	return slices.Concat(facts("model", reflect.ValueOf(r.Model)), facts("runtime", reflect.ValueOf(r.Runtime)),
		facts("text", reflect.ValueOf(r.Text)), facts("dense", reflect.ValueOf(r.Dense)),
		facts("checked", reflect.ValueOf(r.Checked)), required, []fact{{"seconds", fmt.Sprintf("%.0f", r.Seconds)}})
}

// facts lists what is in v, by the names of `fh-ollama eval --json`. Of a slice the members' own names are used. What
// is nil, empty or of nothing is left out.
func facts(name string, v reflect.Value) []fact {
	switch x := v.Interface().(type) {
	case statistics.Proportion:
		if x.Total == 0 {
			return nil
		}
		return []fact{{name, fmt.Sprintf("%s (%s) of %d", percent(x.Share()), interval(x), x.Total)}}
	case float64:
		return []fact{{name, significant(x, 5)}}
	case int, int64, uint32:
		return []fact{{name, fmt.Sprint(x)}}
	case string:
		if x == "" {
			return nil
		}
		return []fact{{name, visible(x)}}
	}
	var all []fact
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return facts(name, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, facts(name+"."+v.Index(i).FieldByName("Name").String(), v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name != "" {
				key = name + "." + key
			}
			all = append(all, facts(key, v.Field(i))...)
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
