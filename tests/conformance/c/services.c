// The component `services` (tests/conformance/README.md), written with the SDK for C.

#include <inttypes.h>
#include <string.h>

#include "openclaw.h"

static bool same(oc_text one, oc_text other) {
    return one.length == other.length && memcmp(one.bytes, other.bytes, one.length) == 0;
}

static const char *truth(bool is) {
    return is ? "true" : "false";
}

// Each writes one member of the answer.

static oc_result run_program(oc_buffer *json) {
    oc_exit exit;
    OC_TRY(oc_run(&(oc_command){.argv = OC_LIST("echo", "tea")}, &exit));
    oc_putf(json, "{\"program\":[%d,", exit.end == OC_CODE ? exit.number : -1);
    oc_put_json(json, exit.output);
    oc_putf(json, "]");
    return oc_done(oc_text_of(""));
}

static oc_result ask_model(oc_buffer *json) {
    oc_answer answer;
    OC_TRY(oc_ask(&(oc_question){.text = "say hello", .max_tokens = 50}, &answer));
    oc_putf(json, ",\"answer\":[");
    oc_put_json(json, answer.text);
    oc_putf(json, ",%s]", truth(answer.cut));
    return oc_done(oc_text_of(""));
}

static oc_result put_keys(oc_buffer *json) {
    const oc_text *keys;
    size_t count;
    OC_TRY(oc_store_keys("cache", &keys, &count));
    oc_putf(json, "[");
    for (size_t index = 0; index < count; index++) {
        oc_putf(json, index == 0 ? "" : ",");
        oc_put_json(json, keys[index]);
    }
    oc_putf(json, "]");
    return oc_done(oc_text_of(""));
}

static oc_result use_store(oc_buffer *json) {
    uint64_t first, second;
    OC_TRY(oc_store_set("cache", "k", oc_text_of("v")));
    OC_TRY(oc_store_increment("cache", "n", 2, &first));
    OC_TRY(oc_store_increment("cache", "n", 1, &second));
    oc_putf(json, ",\"store\":[[%" PRIu64 ",%" PRIu64 "],", first, second);
    OC_TRY(put_keys(json));
    OC_TRY(oc_store_delete("cache", "k"));
    oc_putf(json, ",");
    OC_TRY(put_keys(json));
    oc_putf(json, "]");
    return oc_done(oc_text_of(""));
}

static oc_result use_files(oc_buffer *json) {
    oc_change put[] = {{"a/b.txt", oc_text_of("milk\ntea\n")}, {"c.txt", oc_text_of("x")}};
    OC_TRY(oc_commit(put, 2));
    OC_TRY(oc_commit(&(oc_change){.path = "c.txt"}, 1));
    oc_slice part;
    OC_TRY(oc_read_range("a/b.txt", 5, 3, &part));
    oc_putf(json, ",\"part\":[");
    oc_put_json(json, part.bytes);
    oc_putf(json, ",%" PRIu64 "],\"listed\":[", part.size);
    oc_listing listing;
    OC_TRY(oc_list_directory("a", 1000, &listing));
    for (size_t index = 0; index < listing.count; index++) {
        oc_putf(json, "%s[", index == 0 ? "" : ",");
        oc_put_json(json, listing.entries[index].path);
        oc_putf(json, ",%" PRIu64 "]", listing.entries[index].size);
    }
    oc_putf(json, "],\"found\":[");
    OC_TRY(oc_glob("**/*.txt", 1000, &listing));
    for (size_t index = 0; index < listing.count; index++) {
        oc_putf(json, index == 0 ? "" : ",");
        oc_put_json(json, listing.entries[index].path);
    }
    oc_putf(json, "],\"hits\":[");
    oc_hits hits;
    OC_TRY(oc_grep("t.a", "**/*.txt", 1000, &hits));
    for (size_t index = 0; index < hits.count; index++) {
        oc_putf(json, "%s[", index == 0 ? "" : ",");
        oc_put_json(json, hits.hits[index].path);
        oc_putf(json, ",%" PRIu32 ",", hits.hits[index].line);
        oc_put_json(json, hits.hits[index].text);
        oc_putf(json, "]");
    }
    oc_putf(json, "]");
    return oc_done(oc_text_of(""));
}

static oc_result put_settings(oc_buffer *json) {
    const oc_pair *settings;
    size_t count;
    OC_TRY(oc_settings(&settings, &count));
    oc_putf(json, ",\"settings\":{");
    for (size_t index = 0; index < count; index++) {
        oc_putf(json, index == 0 ? "" : ",");
        oc_put_json(json, settings[index].key);
        oc_putf(json, ":");
        oc_put_json(json, settings[index].value);
    }
    oc_putf(json, "}");
    return oc_done(oc_text_of(""));
}

static oc_result use_sessions(oc_buffer *json) {
    oc_text own = oc_get_info().session_key;
    const oc_session *children, *all;
    size_t count, all_count;
    oc_started spawned, sent;
    OC_TRY(oc_spawn(&(oc_agent){.task = "say hi", .label = "tea", .tools = OC_LIST("services"), .seconds = 30}, &spawned));
    OC_TRY(oc_send_to(spawned.key.bytes, oc_text_of("say more"), &sent));
    OC_TRY(oc_children(10, &children, &count));
    OC_TRY(oc_sessions(100, &all, &all_count));
    bool listed = false;
    for (size_t index = 0; index < all_count; index++) {
        listed = listed || same(all[index].key, own);
    }
    oc_putf(json, ",\"sessions\":[%zu,", count);
    oc_put_json(json, children[0].title);
    oc_putf(json, ",%s,%s,%s,%s]", truth(same(children[0].key, spawned.key)), truth(same(sent.key, spawned.key)),
            truth(same(sent.task, spawned.task)), truth(listed));
    oc_page last, before;
    OC_TRY(oc_history(own.bytes, 1, -1, &last));
    OC_TRY(oc_history(own.bytes, 100, last.before, &before));
    oc_putf(json, ",\"said\":[");
    for (size_t index = 0; index < 2 && index < before.count; index++) {
        oc_putf(json, "%s[", index == 0 ? "" : ",");
        oc_put_json(json, before.said[index].role);
        oc_putf(json, ",");
        oc_put_json(json, before.said[index].text);
        oc_putf(json, "]");
    }
    oc_putf(json, "],\"pages\":[%zu,%s,%s]", last.count, truth(last.before >= 0), truth(before.before >= 0));
    return oc_done(oc_text_of(""));
}

static oc_result services(const oc_args *args) {
    (void)args;
    oc_buffer json = {0};
    OC_TRY(run_program(&json));
    OC_TRY(oc_send(oc_text_of("the tea is ready")));
    OC_TRY(ask_model(&json));
    OC_TRY(use_store(&json));
    OC_TRY(use_files(&json));
    OC_TRY(put_settings(&json));
    OC_TRY(use_sessions(&json));
    oc_putf(&json, ",\"run\":[");
    oc_put_json(&json, oc_get_info().origin);
    oc_putf(&json, ",%s,%s]}", truth(oc_get_budget().effects > 0), truth(oc_is_cancelled()));
    return oc_done(oc_finish(&json));
}

static const char *const CALLS[] = {"run", "ask", "send", "read-range", "commit", "grep", "history", NULL};

static oc_result attempt(const oc_args *args) {
    oc_text given = oc_string(args, "given");
    oc_exit exit;
    oc_answer answer;
    oc_slice slice;
    oc_change change = {given.bytes, oc_text_of("x")};
    oc_hits hits;
    oc_page page;
    int number = 0;
    while (strcmp(oc_string(args, "call").bytes, CALLS[number]) != 0) {
        number++;
    }
    switch (number) {
    case 0:
        OC_TRY(oc_run(&(oc_command){.argv = OC_LIST("echo", given.bytes)}, &exit));
        break;
    case 1:
        OC_TRY(oc_ask(&(oc_question){.text = "say hello", .model = given.bytes}, &answer));
        break;
    case 2:
        OC_TRY(oc_send(given));
        break;
    case 3:
        OC_TRY(oc_read_range(given.bytes, 0, 1, &slice));
        break;
    case 4:
        OC_TRY(oc_commit(&change, 1));
        break;
    case 5:
        OC_TRY(oc_grep(given.bytes, NULL, 1, &hits));
        break;
    default:
        OC_TRY(oc_history(given.bytes, 1, -1, &page));
    }
    return oc_done(oc_text_of("done"));
}

#define PARAMS(...) ((const oc_param[]){__VA_ARGS__, {0}})

static const oc_tool TOOLS[] = {
    {.name = "services", .description = "Uses each service once.", .run = services},
    {.name = "attempt",
     .description = "Makes one call.",
     .params = PARAMS({.name = "call", .type = OC_CHOICE, .description = "Which.", .choices = CALLS},
                      {.name = "given", .type = OC_STRING, .description = "What to give it."}),
     .run = attempt},
    {0},
};

static const oc_scope SCOPES[] = {
    OC_SCOPE_WORKSPACE(OC_READ_WRITE), OC_SCOPE_EXEC(OC_LIST("echo", "*")), OC_SCOPE_MODEL("default"),
    OC_SCOPE_MESSAGES(),               OC_SCOPE_STORE("cache"),             OC_SCOPE_SESSIONS(OC_READ_WRITE),
    {0},
};

const oc_component oc_the_component = {
    .name = "services",
    .version = "0.1.0",
    .summary = "Uses the services of the host.",
    .tools = TOOLS,
    .scopes = SCOPES,
};
