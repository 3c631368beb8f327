// The conformance component (tests/conformance/README.md), written with the SDK for Go.
package main

import (
	"strings"

	openclaw "openclaw.invalid/sdk"
)

const (
	why          = "because of the test"
	maxBodyBytes = 64 << 10
)

type echoArgs struct {
	Text  string   `json:"text" description:"Any text."`
	Count int64    `json:"count" description:"Any whole number."`
	Note  *string  `json:"note" description:"Another text."`
	Tags  []string `json:"tags" description:"Any texts."`
}

func echo(args echoArgs) (any, error) { return args, nil }

type failArgs struct {
	Kind string `json:"kind" description:"The error to end with." enum:"invalid-arguments,denied,not-found,limit,cancelled,unavailable,failed,failed-after-sending"`
}

func fail(args failArgs) (any, error) {
	switch args.Kind {
	case "invalid-arguments":
		return nil, openclaw.InvalidArguments(why)
	case "denied":
		return nil, openclaw.Denied("E_TEST", why)
	case "not-found":
		return nil, openclaw.NotFound(why)
	case "limit":
		return nil, openclaw.Limit(why)
	case "cancelled":
		return nil, openclaw.Cancelled()
	case "unavailable":
		return nil, openclaw.Unavailable(why)
	case "failed":
		return nil, openclaw.Failed(why)
	default:
		return nil, openclaw.FailedAfterSending(why)
	}
}

type writeFileArgs struct {
	Path string `json:"path" description:"Path relative to the workspace."`
	Text string `json:"text" description:"The new text."`
}

func writeFile(args writeFileArgs) (any, error) {
	return "written", openclaw.WriteFile(args.Path, []byte(args.Text))
}

type readFileArgs struct {
	Path string `json:"path" description:"Path relative to the workspace."`
}

func readFile(args readFileArgs) (any, error) { return openclaw.ReadText(args.Path) }

type fetchArgs struct {
	URL    string  `json:"url" description:"An absolute URL."`
	Secret *string `json:"secret" description:"A secret to send in the header x-key."`
}

func fetch(args fetchArgs) (any, error) {
	request := openclaw.Request{URL: args.URL, MaxBodyBytes: maxBodyBytes}
	if args.Secret != nil {
		placeholder, err := openclaw.Placeholder(*args.Secret)
		if err != nil {
			return nil, err
		}
		request.Headers = []openclaw.Header{{Name: "x-key", Value: placeholder}}
	}
	response, err := openclaw.Send(request)
	return map[string]any{"status": response.Status, "body": string(response.Body)}, err
}

type settingArgs struct {
	Key string `json:"key" description:"Its name."`
}

func setting(args settingArgs) (any, error) {
	value, found, err := openclaw.Setting(args.Key)
	if !found {
		value = "not set"
	}
	return value, err
}

type reportArgs struct {
	Message string `json:"message" description:"What to report."`
}

func report(args reportArgs) (any, error) {
	openclaw.Log(openclaw.LevelInfo, "conformance", args.Message)
	openclaw.Progress(50, args.Message)
	return "reported", nil
}

type rememberArgs struct {
	Key   string  `json:"key" description:"A key of the store."`
	Value *string `json:"value" description:"Its new value."`
}

func remember(args rememberArgs) (any, error) {
	store, err := openclaw.OpenStore("cache")
	if err != nil {
		return nil, err
	}
	before, found, err := store.Get(args.Key)
	if err != nil {
		return nil, err
	}
	if args.Value != nil {
		if err := store.Set(args.Key, []byte(*args.Value)); err != nil {
			return nil, err
		}
	}
	if !found {
		return map[string]any{"before": nil}, nil
	}
	return map[string]any{"before": string(before)}, nil
}

func crash(struct{}) (any, error) { panic(why) }

type floodArgs struct {
	Bytes int `json:"bytes" description:"How many bytes."`
}

func flood(args floodArgs) (any, error) { return strings.Repeat("x", args.Bytes), nil }

func init() {
	openclaw.Export(openclaw.Component{
		Name:    "conformance",
		Version: "0.1.0",
		Summary: "Does what every SDK must be able to do.",
		Scopes: []openclaw.Scope{
			openclaw.Workspace(openclaw.ReadWrite),
			openclaw.HTTP("*", []string{"GET"}),
			openclaw.Secret("canary"),
			openclaw.Store("cache"),
		},
		Tools: []openclaw.Tool{
			openclaw.NewTool("echo", "Gives its arguments back.", echo),
			openclaw.NewTool("fail", "Ends with an error.", fail),
			openclaw.NewTool("write_file", "Writes a file of the workspace.", writeFile),
			openclaw.NewTool("read_file", "Reads a file of the workspace.", readFile),
			openclaw.NewTool("fetch", "Fetches a page.", fetch),
			openclaw.NewTool("setting", "Reads a setting.", setting),
			openclaw.NewTool("report", "Writes a line into the log and reports progress.", report),
			openclaw.NewTool("remember", "Gives what was remembered and remembers something else.", remember),
			openclaw.NewTool("crash", "Crashes.", crash),
			openclaw.NewTool("flood", "Gives a long text.", flood),
		},
	})
}

func main() {}
