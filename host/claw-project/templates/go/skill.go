// The component `{{name}}`: what it is called, what it asks for, and its tools.
package main

import (
	"strings"

	openclaw "openclaw.invalid/sdk"
)

type greetArgs struct {
	Path string `json:"path" description:"File with the name of whoever is greeted; a path relative to the workspace."`
}

func greet(args greetArgs) (any, error) {
	text, err := openclaw.ReadText(args.Path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(text)
	if name == "" {
		return nil, openclaw.InvalidArguments("the file names nobody")
	}
	return "Hello, " + name + "!", nil
}

func init() {
	openclaw.Export(openclaw.Component{
		Name:    "{{name}}",
		Version: "0.1.0",
		Summary: "Greets people.",
		Scopes:  []openclaw.Scope{openclaw.Workspace(openclaw.Read)},
		Tools: []openclaw.Tool{
			openclaw.NewTool("{{tool}}", "Greets whoever a file of the workspace names.", greet),
		},
	})
}

func main() {}
