// The component services (tests/conformance/README.md), written with the SDK for Go.
package main

import (
	"time"

	openclaw "openclaw.invalid/sdk"
)

type answer struct {
	Program  [2]any            `json:"program"`
	Answer   [2]any            `json:"answer"`
	Store    [3]any            `json:"store"`
	Part     [2]any            `json:"part"`
	Listed   [][2]any          `json:"listed"`
	Found    []string          `json:"found"`
	Hits     [][3]any          `json:"hits"`
	Settings map[string]string `json:"settings"`
	Sessions [6]any            `json:"sessions"`
	Said     [][2]string       `json:"said"`
	Pages    [3]any            `json:"pages"`
	Run      [3]any            `json:"run"`
}

func services(struct{}) (any, error) {
	var all answer
	for _, use := range []func(*answer) error{useModel, useStore, useFiles, useSessions} {
		if err := use(&all); err != nil {
			return nil, err
		}
	}
	settings, err := openclaw.Settings()
	all.Settings = settings
	all.Run = [3]any{openclaw.Info().Origin, openclaw.Budget().Effects > 0, openclaw.IsCancelled()}
	return all, err
}

func useModel(all *answer) error {
	exit, err := openclaw.Run(openclaw.Command{Argv: []string{"echo", "tea"}})
	if err != nil {
		return err
	}
	all.Program = [2]any{exit.Number, string(exit.Stdout)}
	if err := openclaw.SendMessage("the tea is ready"); err != nil {
		return err
	}
	answered, err := openclaw.Ask(openclaw.Question{Text: "say hello", MaxTokens: 50})
	all.Answer = [2]any{answered.Text, answered.Cut}
	return err
}

func useStore(all *answer) error {
	store, err := openclaw.OpenStore("cache")
	if err != nil {
		return err
	}
	if err := store.Set("k", []byte("v")); err != nil {
		return err
	}
	first, err := store.Increment("n", 2)
	if err != nil {
		return err
	}
	second, err := store.Increment("n", 1)
	if err != nil {
		return err
	}
	keys, err := store.Keys()
	if err != nil {
		return err
	}
	if err := store.Delete("k"); err != nil {
		return err
	}
	left, err := store.Keys()
	all.Store = [3]any{[]uint64{first, second}, keys, left}
	return err
}

func useFiles(all *answer) error {
	err := openclaw.Commit(openclaw.Put("a/b.txt", []byte("milk\ntea\n")), openclaw.Put("c.txt", []byte("x")))
	if err != nil {
		return err
	}
	if err := openclaw.Commit(openclaw.Remove("c.txt")); err != nil {
		return err
	}
	part, size, err := openclaw.ReadRange("a/b.txt", 5, 3)
	if err != nil {
		return err
	}
	all.Part = [2]any{string(part), size}
	listed, _, err := openclaw.ListDirectory("a", 1000)
	if err != nil {
		return err
	}
	for _, entry := range listed {
		all.Listed = append(all.Listed, [2]any{entry.Path, entry.Size})
	}
	found, _, err := openclaw.Glob("**/*.txt", 1000)
	if err != nil {
		return err
	}
	for _, entry := range found {
		all.Found = append(all.Found, entry.Path)
	}
	hits, _, err := openclaw.Grep("t.a", "**/*.txt", 1000)
	for _, hit := range hits {
		all.Hits = append(all.Hits, [3]any{hit.Path, hit.Line, hit.Text})
	}
	return err
}

func useSessions(all *answer) error {
	own := openclaw.Info().SessionKey
	spawned, err := openclaw.Spawn(openclaw.Agent{
		Task: "say hi", Label: "tea", Tools: []string{"services"}, Limit: 30 * time.Second,
	})
	if err != nil {
		return err
	}
	sent, err := openclaw.SendTo(spawned.Key, "say more")
	if err != nil {
		return err
	}
	children, err := openclaw.Children(10)
	if err != nil {
		return err
	}
	every, err := openclaw.AllSessions(100)
	if err != nil {
		return err
	}
	listed := false
	for _, session := range every {
		listed = listed || session.Key == own
	}
	isSame := []any{children[0].Key == spawned.Key, sent.Key == spawned.Key, sent.Task == spawned.Task}
	all.Sessions = [6]any{len(children), children[0].Title, isSame[0], isSame[1], isSame[2], listed}
	last, err := openclaw.History(own, 1, nil)
	if err != nil {
		return err
	}
	before, err := openclaw.History(own, 100, last.Before)
	for _, said := range before.Said[:min(2, len(before.Said))] {
		all.Said = append(all.Said, [2]string{said.Role, said.Text})
	}
	all.Pages = [3]any{len(last.Said), last.Before != nil, before.Before != nil}
	return err
}

type attemptArgs struct {
	Call  string `json:"call" description:"Which." enum:"run,ask,send,read-range,commit,grep,history"`
	Given string `json:"given" description:"What to give it."`
}

func attempt(args attemptArgs) (any, error) {
	var err error
	switch args.Call {
	case "run":
		_, err = openclaw.Run(openclaw.Command{Argv: []string{"echo", args.Given}})
	case "ask":
		_, err = openclaw.Ask(openclaw.Question{Text: "say hello", Model: args.Given})
	case "send":
		err = openclaw.SendMessage(args.Given)
	case "read-range":
		_, _, err = openclaw.ReadRange(args.Given, 0, 1)
	case "commit":
		err = openclaw.Commit(openclaw.Put(args.Given, []byte("x")))
	case "grep":
		_, _, err = openclaw.Grep(args.Given, "", 1)
	default:
		_, err = openclaw.History(args.Given, 1, nil)
	}
	return "done", err
}

func init() {
	openclaw.Export(openclaw.Component{
		Name:    "services",
		Version: "0.1.0",
		Summary: "Uses the services of the host.",
		Scopes: []openclaw.Scope{
			openclaw.Workspace(openclaw.ReadWrite),
			openclaw.Exec("echo", "*"),
			openclaw.Model("default"),
			openclaw.Messages(),
			openclaw.Store("cache"),
			openclaw.Sessions(openclaw.ReadWrite),
		},
		Tools: []openclaw.Tool{
			openclaw.NewTool("services", "Uses each service once.", services),
			openclaw.NewTool("attempt", "Makes one call.", attempt),
		},
	})
}

func main() {}
