package openclaw

import "time"

// Other conversations, and sub-agents. Each function needs a [Sessions] scope; a sub-agent reaches only itself and those that it has
// started.

//go:wasmimport openclaw:sessions/sessions@0.1.0 children
func sessionsChildren(limit, result uint32)

//go:wasmimport openclaw:sessions/sessions@0.1.0 all
func sessionsAll(limit, result uint32)

//go:wasmimport openclaw:sessions/sessions@0.1.0 history
func sessionsHistory(key string, limit, hasBefore uint32, before uint64, result uint32)

//go:wasmimport openclaw:sessions/sessions@0.1.0 send
func sessionsSend(key, text string, result uint32)

//go:wasmimport openclaw:sessions/sessions@0.1.0 spawn
func sessionsSpawn(task, label string, tools, count, seconds, result uint32)

// A Session is one conversation.
type Session struct {
	Key, Title string // the title may be empty
	Updated    time.Time
	State      string // of its latest task: queued, running, done, failed, cancelled, lost; empty without one
}

// Children are the conversations that the run's own one has started, the latest first; at most limit, 1 to 100.
func Children(limit uint32) ([]Session, error) {
	result := room(24)
	sessionsChildren(limit, result)
	return sessions(result)
}

// AllSessions are all conversations, the latest first; at most limit, 1 to 100.
func AllSessions(limit uint32) ([]Session, error) {
	result := room(24)
	sessionsAll(limit, result)
	return sessions(result)
}

func sessions(result uint32) ([]Session, error) {
	if get8(result) != 0 {
		return nil, hostError(result + 4)
	}
	return getList(result+4, 32, func(at uint32) Session {
		return Session{getText(at), getText(at + 8), time.UnixMilli(int64(get64(at + 16))), getText(at + 24)}
	}), nil
}

// A Said is one message of a conversation.
type Said struct {
	Role string // user, assistant, tool or host
	Text string
}

// A Page is some messages, in the order in which they were said.
type Page struct {
	Said   []Said
	Before *uint64 // where the page before ends; nil if this is the first
}

// History gives the last messages of a conversation, or those before a place; at most limit, 1 to 100.
func History(key string, limit uint32, before *uint64) (Page, error) {
	hasBefore, place := flag(before != nil), uint64(0)
	if before != nil {
		place = *before
	}
	result := room(32)
	sessionsHistory(key, limit, uint32(hasBefore), place, result)
	if get8(result) != 0 {
		return Page{}, hostError(result + 8)
	}
	page := Page{Said: getList(result+8, 16, func(at uint32) Said { return Said{getText(at), getText(at + 8)} })}
	if get8(result+16) != 0 {
		end := get64(result + 24)
		page.Before = &end
	}
	return page, nil
}

// A Started is work that was handed over.
type Started struct {
	Key  string // the conversation that does it
	Task string // by which the owner finds it
}

// SendTo says something in a conversation and returns at once: the answer comes into the run's own conversation later.
func SendTo(key, text string) (Started, error) {
	result := room(24)
	sessionsSend(key, text, result)
	return started(result)
}

// An Agent is a sub-agent that is wanted.
type Agent struct {
	Task  string        // all that it knows
	Label string        // what it is called
	Tools []string      // the only ones that it may use; none for all of the run
	Limit time.Duration // how long it may work; 0 for what the owner's settings allow
}

// Spawn starts a sub-agent and returns at once: its result comes into the run's own conversation later.
func Spawn(agent Agent) (Started, error) {
	tools, result := room(8), room(24)
	putTexts(tools, agent.Tools)
	sessionsSpawn(agent.Task, agent.Label, get32(tools), get32(tools+4), uint32(agent.Limit.Seconds()), result)
	return started(result)
}

func started(result uint32) (Started, error) {
	if get8(result) != 0 {
		return Started{}, hostError(result + 4)
	}
	return Started{getText(result + 4), getText(result + 12)}, nil
}
