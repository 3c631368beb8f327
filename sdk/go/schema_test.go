package openclaw

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type order struct {
	Size string `json:"size" enum:"small,large"`
	Cups *int   `json:"cups"`
}

type arguments struct {
	Text   string             `json:"text" description:"Any text."`
	Count  *int64             `json:"count"`
	Ratio  float64            `json:"ratio"`
	Orders []order            `json:"orders"`
	Prices map[string]float64 `json:"prices"`
	Loud   *bool              `json:"loud"`
}

var mine = Component{Name: "mine", Tools: []Tool{
	NewTool("echo", "Gives its arguments back.", func(args arguments) (any, error) { return args, nil }),
	NewTool("order", "Orders.", func(args order) (any, error) { return args.Size, nil }),
	NewTool("nothing", "Needs nothing.", func(struct{}) (any, error) { return "done", nil }),
}}

func TestASchemaFollowsTheStruct(t *testing.T) {
	const expected = `{"additionalProperties":false,"properties":{` +
		`"count":{"type":["integer","null"]},"loud":{"type":["boolean","null"]},` +
		`"orders":{"items":{"additionalProperties":false,"properties":{"cups":{"type":["integer","null"]},` +
		`"size":{"enum":["small","large"],"type":"string"}},"required":["size"],"type":"object"},"type":"array"},` +
		`"prices":{"additionalProperties":{"type":"number"},"type":"object"},"ratio":{"type":"number"},` +
		`"text":{"description":"Any text.","type":"string"}},` +
		`"required":["text","ratio","orders","prices"],"type":"object"}`
	if found := string(schemaOf[arguments]()); found != expected {
		t.Errorf("%s\nis not\n%s", found, expected)
	}
}

func TestArgumentsThatDoNotFitAreRefused(t *testing.T) {
	for given, why := range map[string]string{
		`{`:                          "not a JSON object",
		`[]`:                         "not a JSON object",
		``:                           "`size` is missing",
		`{"size":null}`:              "`size` is missing",
		`{"size":1}`:                 "do not fit",
		`{"size":"huge"}`:            "must be one of small, large",
		`{"size":"small","more":1}`:  "do not fit",
		`{"size":"small","cups":""}`: "do not fit",
	} {
		_, err := mine.Call("order", given)
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != KindInvalidArguments || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestACallGivesTextOrJson(t *testing.T) {
	given := `{"text":"<ü>","count":null,"ratio":1,"orders":[{"size":"small","cups":2}],"prices":{"tea":0.5},"loud":true}`
	answer, err := mine.Call("echo", given)
	if err != nil || answer != given || !json.Valid([]byte(answer)) {
		t.Errorf("%s: %v", answer, err)
	}
	if answer, err := mine.Call("nothing", ""); err != nil || answer != "done" {
		t.Errorf("%s: %v", answer, err)
	}
	var failure *Error
	if _, err := mine.Call("other", "{}"); !errors.As(err, &failure) || failure.Kind != KindNotFound {
		t.Errorf("%v", err)
	}
}

func TestWhatHasNoSchemaIsRefusedWhenTheToolIsMade(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel was taken")
		}
	}()
	NewTool("odd", "Odd.", func(struct{ C chan int }) (any, error) { return "", nil })
}
