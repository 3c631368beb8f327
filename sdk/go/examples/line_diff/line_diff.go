// Compares two files line by line.
package main

import (
	"fmt"
	"strings"

	openclaw "openclaw.invalid/sdk"
)

// The comparison takes time and memory for each pair of lines; this is half a second.
const maxPairs = 4_000_000

type args struct {
	Old     string `json:"old" description:"Path of the older file, relative to the workspace."`
	New     string `json:"new" description:"Path of the newer file, relative to the workspace."`
	Context *int   `json:"context" description:"How many equal lines to show around each change; 2 if not said."`
}

func lineDiff(args args) (any, error) {
	before, err := openclaw.ReadText(args.Old)
	if err != nil {
		return nil, err
	}
	after, err := openclaw.ReadText(args.New)
	if err != nil {
		return nil, err
	}
	context := 2
	if args.Context != nil {
		context = max(*args.Context, 0)
	}
	steps, err := compare(lines(before), lines(after))
	if err != nil {
		return nil, err
	}
	return show(steps, context), nil
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// A step says that a line stays (' '), goes ('-') or comes ('+').
type step struct {
	sign rune
	line string
}

// compare finds the fewest lines that go and come: those of a longest common subsequence stay.
func compare(before, after []string) ([]step, error) {
	if len(before)*len(after) > maxPairs {
		return nil, openclaw.Limit("the files have %d and %d lines, which is too much to compare", len(before), len(after))
	}
	// common[i][j] is how many lines before[i:] and after[j:] have in common.
	common := make([][]int32, len(before)+1)
	for i := range common {
		common[i] = make([]int32, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var steps []step
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			steps = append(steps, step{' ', before[i]})
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			steps = append(steps, step{'-', before[i]})
			i++
		default:
			steps = append(steps, step{'+', after[j]})
			j++
		}
	}
	return steps, nil
}

// show writes the changes, with as many equal lines around each.
func show(steps []step, context int) string {
	near := make([]bool, len(steps))
	gone, come := 0, 0
	for index, step := range steps {
		switch step.sign {
		case ' ':
			continue
		case '-':
			gone++
		case '+':
			come++
		}
		for around := max(index-context, 0); around <= min(index+context, len(steps)-1); around++ {
			near[around] = true
		}
	}
	if gone+come == 0 {
		return "the files are equal"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d lines gone, %d lines new\n", gone, come)
	for index, step := range steps {
		if near[index] {
			fmt.Fprintf(&text, "%c%s\n", step.sign, step.line)
		} else if index == 0 || near[index-1] {
			text.WriteString("…\n")
		}
	}
	return text.String()
}

func init() {
	openclaw.Export(openclaw.Component{
		Name:    "line-diff",
		Version: "0.1.0",
		Summary: "Compares files line by line.",
		Scopes:  []openclaw.Scope{openclaw.Workspace(openclaw.Read)},
		Tools: []openclaw.Tool{openclaw.NewTool(
			"line_diff",
			"Shows which lines of a file in the workspace are gone or new compared with another one.",
			lineDiff,
		)},
	})
}

func main() {}
