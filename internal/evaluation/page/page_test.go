package page

import (
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

func write(t *testing.T, r evaluation.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// element is the start tag of a page's element and all text within it.
type element struct {
	name       string
	attributes map[string]string
	text       string
}

// read parses a page, which is also XML, and checks the rules for every page: it is well-formed, has no script, and
// loads nothing from other hosts.
func read(t *testing.T, page string) []element {
	t.Helper()
	var all []element
	var open []int
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, len(all))
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				all[i].text += string(token)
			}
		}
	}
	for _, e := range all {
		switch e.name {
		case "script", "iframe", "img", "object", "embed", "form", "a", "base", "image", "use":
			t.Errorf("the page has a %s", e.name)
		case "style":
			if strings.Contains(e.text, "url(") || strings.Contains(e.text, "@import") {
				t.Error("the style asks for something")
			}
		}
		for name, value := range e.attributes {
			if name == "src" || name == "style" || strings.HasPrefix(name, "on") || name == "href" && value != "data:," {
				t.Errorf("%s has %s=%q", e.name, name, value)
			}
		}
	}
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s in the page", bad)
		}
	}
	return all
}

func named(all []element, name string) []element {
	var some []element
	for _, e := range all {
		if e.name == name {
			some = append(some, e)
		}
	}
	return some
}

// cells reads the table of all numbers: for each row's name one text per P.
func cells(all []element) map[string][]string {
	rows := map[string][]string{}
	group, name := "", ""
	for _, e := range all {
		switch scope := e.attributes["scope"]; {
		case e.name == "th" && scope == "rowgroup":
			group = e.text
		case e.name == "th" && scope == "row":
			name = group + ": " + e.text
		case e.name == "td" && group != "":
			rows[name] = append(rows[name], strings.ReplaceAll(e.text, "\u00a0", " "))
		}
	}
	return rows
}

func TestAllNumbers(t *testing.T) {
	of := func(count int) statistics.Proportion { return statistics.Proportion{Count: count, Total: 1000} }
	r := measured()
	r.Points = []evaluation.Point{{
		Probes: 250, HeadBytes: 2176000, Perplexity: evaluation.Perplexity{Value: 105.678, Error: 1.234},
		KLD: evaluation.Distribution{Mean: 0.08301, Error: 0.00212, Median: 0.0123, P90: 0.201, P95: 0.302, P99: 0.7034,
			P999: 2.5, Max: 9.876},
		CoolKLD: evaluation.Distribution{Mean: 0.05, Error: 0.0014, Median: 0.011, P90: 0.21, P95: 0.31, P99: 0.71, P999: 2.6,
			Max: 10.96},
		SameTop: of(997), Top1: of(996), Top5: of(990), Top40: of(989), Mass: 0.98765, SameDraw: 0.98123,
		Greedy: &evaluation.Greedy{Identical: statistics.Proportion{Count: 9, Total: 12}, Agreed: 0.8765},
		Speed:  &evaluation.Speed{Dense: 1043, Flash: 1627, Ratio: 1.56, Low: 1.21, High: 1.87},
	}, point(500, 5120)} // which has the second column
	got := cells(read(t, write(t, r)))
	for row, want := range map[string]string{
		"Same token: same best token":                             "99.70 %99.12 to 99.90",
		"Same token: best token scored exactly":                   "99.60 %98.98 to 99.84",
		"Same token: best 5 scored exactly":                       "99.00 %98.17 to 99.46",
		"Same token: best 40 scored exactly":                      "98.90 %98.04 to 99.38",
		"Same token: probability mass scored exactly":             "98.77 %",
		"Perplexity: perplexitydense: 104.320 ± 1.2":              "105.678± 1.2",
		"KLD, nats: mean":                                         "0.0830± 0.0021",
		"KLD, nats: median":                                       "0.0123",
		"KLD, nats: 90 % of positions below":                      "0.201",
		"KLD, nats: 95 %":                                         "0.302",
		"KLD, nats: 99 %":                                         "0.703",
		"KLD, nats: 99.9 %":                                       "2.50",
		"KLD, nats: largest":                                      "9.88",
		"KLD at temperature 0.8, nats: mean":                      "0.0500± 0.0014",
		"KLD at temperature 0.8, nats: largest":                   "11.0",
		"What Ollama's sampler draws from: same token drawn":      "98.12 %",
		"Greedy continuations: identical":                         "9 of 1246.77 to 91.11 %",
		"Greedy continuations: share before the first difference": "87.65 %",
		"Cost: bytes of the head read for a tokendense: 8.70 MB":  "2.18 MB25.00 %",
		"Cost: speed against dense":                               "1.56 ×1.21 to 1.87",
		"Cost: tokens a second":                                   "1627dense 1043",
	} {
		found := false
		for name, cells := range got {
			if strings.ReplaceAll(name, "\u00a0", " ") == row {
				found = true
				if len(cells) != 2 || cells[0] != want {
					t.Errorf("%s: %q, want %q", row, cells, want)
				}
			}
		}
		if !found {
			t.Errorf("no row %q", row)
		}
	}
}

// Every number of a report must be on the page: the test changes them one by one, and each must change the page.
func TestEveryNumberIsShown(t *testing.T) {
	r := measured(64, 250)
	r.Runtime.Mode, r.Runtime.Temperature, r.Runtime.Seed = "sample", 0.9, 7
	r.Model.CoarseBits, r.Model.FineBytes = 192, 32
	before := write(t, r)
	changed := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Float64:
			old := reflect.ValueOf(v.Interface())
			switch {
			case v.CanInt():
				v.SetInt(v.Int() + 1 + v.Int()/16)
			case v.CanUint():
				v.SetUint(v.Uint() + 1)
			default:
				v.SetFloat(v.Float() * 1.1)
			}
			// except the speed of one continuation: a point has the median, the lowest and the highest
			single := strings.HasPrefix(path, ".Generation") && strings.HasSuffix(path, "Speed")
			if after := write(t, r); after == before != single {
				t.Errorf("%s: %v to %v: page the same: %v", path, old, v, after == before)
			}
			v.Set(old)
			changed++
		}
	}
	walk("", reflect.ValueOf(&r).Elem())
	if changed < 100 {
		t.Errorf("only %d numbers", changed)
	}
}

// points returns the positions and labels of the points of a chart's series.
func points(t *testing.T, all []element, chart, series string) (x, y []float64, labels []string) {
	t.Helper()
	in, class := false, ""
	for _, e := range all {
		if e.name == "svg" {
			in = strings.HasPrefix(e.attributes["aria-label"], chart)
		}
		if e.name == "g" {
			class = e.attributes["class"]
		}
		if in && class == series && e.attributes["class"] == "point" {
			var px, py float64
			if _, err := fmt.Sscanf(e.attributes["transform"], "translate(%f,%f)", &px, &py); err != nil {
				t.Fatal(err)
			}
			x, y, labels = append(x, px), append(y, py), append(labels, strings.ReplaceAll(e.text, "\u00a0", " "))
		}
	}
	return x, y, labels
}

func TestCurvesFollowTheNumbers(t *testing.T) {
	all := read(t, write(t, measured(32, 64, 128, 250, 500)))
	for _, c := range []struct {
		chart, series string
		rises         bool
		label         string // of P = 64
	}{
		{"The same token", "s1", true, "98.69 % (98.34 to 98.97)"},
		{"What is scored exactly", "s1", true, "98.83 %"},
		{"What is scored exactly", "s2", true, "97.38 %"},
		{"What is scored exactly", "s3", true, "95.55 %"},
		{"What is scored exactly", "s4", true, "96.73 %"},
		{"How far probabilities move", "s1", false, "0.283 ± 0.0094"},
		{"How far probabilities move", "s2", false, "1.98"},
		{"How far probabilities move", "s3", false, "0.166 ± 0.0055"},
		{"Speed", "s1", false, "2.35 (1.88 to 2.58) times as fast"},
		{"Bytes read", "s1", true, "6.51 %, 567 kB"},
	} {
		x, y, labels := points(t, all, c.chart, c.series)
		if len(x) != 5 {
			t.Errorf("%s, %s: %d points", c.chart, c.series, len(x))
			continue
		}
		if want := "P = 64: " + c.label; labels[1] != want {
			t.Errorf("%s, %s: %q, want %q", c.chart, c.series, labels[1], want)
		}
		for i := 1; i < len(x); i++ {
			if x[i] <= x[i-1] || (y[i] < y[i-1]) != c.rises { // y grows downwards
				t.Errorf("%s, %s: %v %v", c.chart, c.series, x, y)
				break
			}
		}
	}
}

// The command on the page can be pasted into a shell.
func TestCommand(t *testing.T) {
	r := measured(64, 250)
	if got, want := command(r), "fh-ollama eval demo.gguf --text heldout.txt --probes 64,250 --chunks 40 --ctx 256 "+
		"--predict 64 --threads 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.Model.File, r.Text.Name, r.Generation = "it's $HOME.gguf", evaluation.BuiltIn, nil
	r.Runtime.Mode, r.Runtime.Temperature, r.Runtime.Seed = "sample", 0.8, 42
	if got, want := command(r), `fh-ollama eval 'it'\''s $HOME.gguf' --probes 64,250 --chunks 40 --ctx 256 `+
		`--predict 0 --mode sample --temperature 0.8 --seed 42 --threads 2`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
