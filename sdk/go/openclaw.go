// Package openclaw writes tools for openclaw-host in Go.
//
// A tool is a function of a struct, whose fields become the JSON Schema that the model sees; a component is a list of tools and of
// the scopes that it wants:
//
//	type greeting struct {
//		Path string `json:"path" description:"Path relative to the workspace."`
//	}
//
//	func hello(args greeting) (any, error) {
//		name, err := openclaw.ReadText(args.Path)
//		if err != nil {
//			return nil, err
//		}
//		return "Hello, " + name + "!", nil
//	}
//
//	func init() {
//		openclaw.Export(openclaw.Component{
//			Name: "hello", Version: "0.1.0", Summary: "Greets people.",
//			Scopes: []openclaw.Scope{openclaw.Workspace(openclaw.Read)},
//			Tools:  []openclaw.Tool{openclaw.NewTool("hello", "Greets whoever a file names.", hello)},
//		})
//	}
//
//	func main() {}
//
// Build it with build.sh. What a component does not call it does not import, and what it does not import cannot be granted to it.
// Each call runs in a fresh instance: nothing that it leaves in memory survives it.
package openclaw

import (
	"encoding/json"
	"strings"
)

// A Component says about itself what its owner and the host have to know.
type Component struct {
	Name    string // 1 to 64 of a-z 0-9 - _
	Version string // a semantic version
	Summary string // one sentence for people
	Tools   []Tool
	Scopes  []Scope // what it wants to reach; what it gets is the owner's decision
}

// A Tool is made by [NewTool].
type Tool struct {
	name, description string
	untrustedOutput   bool
	schema            json.RawMessage
	run               func(arguments []byte) (any, error)
}

// NewTool makes a tool of a function.
//
// The name is 1 to 64 of a-z A-Z 0-9 - _, unique over all components that the owner installs. The description tells the model in
// at most 4,096 bytes what the tool does and when to use it. The function takes a struct: exported fields of the types string,
// bool, float64, int and its sizes, slices, maps with texts as keys, structs, and pointers to these, which may be missing or null.
// The tag json names a field, description describes it, and enum lists the texts that it may be, with commas between them.
// It returns a text for the model, or a value that is then written as JSON, at most 1 MiB. An [*Error] goes on as it is, any other
// error as a failure; a panic is a crash.
//
// Panics if the struct has a field that has no schema.
func NewTool[A any](name, description string, run func(A) (any, error)) Tool {
	call := func(arguments []byte) (any, error) {
		var args A
		if err := decode(arguments, &args); err != nil {
			return nil, err
		}
		return run(args)
	}
	return Tool{name: name, description: description, schema: schemaOf[A](), run: call}
}

// WithUntrustedOutput says that the results carry text from outside the owner, e.g. a web page: the host then treats the session as
// tainted.
func (tool Tool) WithUntrustedOutput() Tool {
	tool.untrustedOutput = true
	return tool
}

// Call runs a tool on arguments in JSON, as the host does. For tests where there is no host.
func (component Component) Call(name, arguments string) (string, error) {
	for _, tool := range component.Tools {
		if tool.name != name {
			continue
		}
		// Some models send nothing at all to a tool whose arguments are all optional.
		if strings.TrimSpace(arguments) == "" {
			arguments = "{}"
		}
		result, err := tool.run([]byte(arguments))
		if err != nil {
			return "", err
		}
		if text, is := result.(string); is {
			return text, nil
		}
		return marshal(result)
	}
	return "", NotFound("this component has no tool `%s`", name)
}

// marshal writes JSON as other languages do, without the escapes for HTML.
func marshal(value any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", Failed("cannot write the result as JSON: %v", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

// An Access says whether a folder may be changed.
type Access uint8

// How a folder is used.
const (
	Read Access = iota
	ReadWrite
)

// A Scope is something that a component asks for.
type Scope struct {
	kind           uint8 // its case in openclaw:manifest
	name           string
	methods, paths []string
	argv           []string
	flag           uint8
}

// Workspace is the agent's workspace, seen as the directory /workspace.
func Workspace(access Access) Scope { return Folder("workspace", access) }

// Folder is any folder by its name: workspace, scratch, or one that the owner has named; seen as /NAME.
func Folder(name string, access Access) Scope { return Scope{kind: 0, name: name, flag: uint8(access)} }

// HTTP is for requests to servers of a pattern, with these methods in upper case: scheme://host[:port], where the host may start
// with *. (exactly one label), or * alone for any host, of whom the owner is then asked each time. Paths are prefixes; none is any.
func HTTP(pattern string, methods []string, paths ...string) Scope {
	return Scope{kind: 1, name: pattern, methods: methods, paths: paths}
}

// Secret is a secret of the owner's vault, to be sent in headers or paths and never seen.
func Secret(name string) Scope { return Scope{kind: 4, name: name} }

// Store is a key-value store of the component's own.
func Store(name string) Scope { return Scope{kind: 5, name: name} }

// Exec is for programs: one pattern per argument, * for exactly one of any value, a final ** for any number.
func Exec(argv ...string) Scope { return Scope{kind: 2, argv: argv} }

// Model is a model, by alias; default is the model of the run.
func Model(alias string) Scope { return Scope{kind: 6, name: alias} }

// Messages is for messages into the run's own conversation.
func Messages() Scope { return Scope{kind: 7, name: "session"} }

// Sessions is for other conversations: Read to look at them, ReadWrite to talk to them and start sub-agents as well.
func Sessions(access Access) Scope { return Scope{kind: 10, flag: uint8(access)} }
