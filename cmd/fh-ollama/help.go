package main

import (
	"regexp"

	"github.com/urfave/cli/v2"
)

// commandHelp leaves more of a small screen to what matters than the default template.
const commandHelp = `{{.HelpName}} - {{.Usage}}

Usage: {{.HelpName}}{{if .VisibleFlags}} [options]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Description}}

Options:{{range .VisibleFlags}}
  {{.}}{{end}}
`

// noise is what says nothing in the description of a flag: that it is off or unset, and that a list may be repeated.
var noise = regexp.MustCompile(` \(default: (false|0)\)| \[ --\S+ \S+ \]`)

// The library has these as variables of its own.
func init() {
	cli.CommandHelpTemplate = commandHelp
	describe := cli.FlagStringer
	cli.FlagStringer = func(flag cli.Flag) string { return noise.ReplaceAllString(describe(flag), "") }
}
