package table

import "testing"

func TestTable(t *testing.T) {
	one := New("lrl", "name", "dense,\ntokens/s", "rest")
	one.Row("a|b", "1.0", "± 2")
	one.Row("c", "100.0", "")
	const text = `        dense,
name  tokens/s  rest
a|b        1.0  ± 2
c        100.0
`
	if got := one.Text(); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	const markdown = `| name | dense, tokens/s | rest |
| --- | ---: | --- |
| a\|b | 1.0 | ± 2 |
| c | 100.0 |  |
`
	if got := one.Markdown(); got != markdown {
		t.Errorf("got\n%s\nwant\n%s", got, markdown)
	}
}
