// The conformance component (tests/conformance/README.md), written with the SDK for C.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openclaw.h"

#define WHY "because of the test"

static oc_result echo(const oc_args *args) {
    oc_buffer json = {0};
    oc_putf(&json, "{\"text\":");
    oc_put_json(&json, oc_string(args, "text"));
    oc_putf(&json, ",\"count\":%" PRId64 ",\"note\":", oc_integer(args, "count"));
    oc_put_json(&json, oc_string(args, "note"));
    oc_putf(&json, ",\"tags\":[");
    size_t count;
    const oc_text *tags = oc_strings(args, "tags", &count);
    for (size_t index = 0; index < count; index++) {
        oc_putf(&json, index == 0 ? "" : ",");
        oc_put_json(&json, tags[index]);
    }
    oc_putf(&json, "]}");
    return oc_done(oc_finish(&json));
}

static const char *const KINDS[] = {"invalid-arguments", "denied", "not-found", "limit", "cancelled", "unavailable",
                                    "failed", "failed-after-sending", NULL};

static oc_result fail(const oc_args *args) {
    const char *kind = oc_string(args, "kind").bytes;
    if (strcmp(kind, "denied") == 0) {
        return oc_denied("E_TEST", WHY);
    }
    if (strcmp(kind, "failed-after-sending") == 0) {
        return oc_failed_after_sending(WHY);
    }
    // The rest stand in the order of `oc_kind`.
    int number = 0;
    while (strcmp(kind, KINDS[number]) != 0) {
        number++;
    }
    return oc_error((oc_kind)number, WHY);
}

static oc_result write_file(const oc_args *args) {
    OC_TRY(oc_write_file(oc_string(args, "path").bytes, oc_string(args, "text")));
    return oc_done(oc_text_of("written"));
}

static oc_result read_file(const oc_args *args) {
    oc_text content;
    OC_TRY(oc_read_file(oc_string(args, "path").bytes, &content));
    return oc_done(content);
}

static oc_result fetch(const oc_args *args) {
    oc_header headers[] = {{0}, {0}};
    if (oc_has(args, "secret")) {
        headers[0].name = "x-key";
        OC_TRY(oc_secret(oc_string(args, "secret").bytes, &headers[0].value));
    }
    oc_request request = {.method = "GET", .url = oc_string(args, "url").bytes, .headers = headers, .max_body_bytes = 65536};
    oc_response response;
    OC_TRY(oc_http(&request, &response));
    oc_buffer json = {0};
    oc_putf(&json, "{\"status\":%d,\"body\":", response.status);
    oc_put_json(&json, response.body);
    oc_putf(&json, "}");
    return oc_done(oc_finish(&json));
}

static oc_result setting(const oc_args *args) {
    oc_text value;
    OC_TRY(oc_setting(oc_string(args, "key").bytes, &value));
    return oc_done(value.bytes != NULL ? value : oc_text_of("not set"));
}

static oc_result report(const oc_args *args) {
    oc_log(OC_INFO, "conformance", oc_string(args, "message"));
    oc_progress(50, oc_string(args, "message"));
    return oc_done(oc_text_of("reported"));
}

static oc_result remember(const oc_args *args) {
    const char *key = oc_string(args, "key").bytes;
    oc_text before;
    OC_TRY(oc_store_get("cache", key, &before));
    if (oc_has(args, "value")) {
        OC_TRY(oc_store_set("cache", key, oc_string(args, "value")));
    }
    oc_buffer json = {0};
    oc_putf(&json, "{\"before\":");
    oc_put_json(&json, before);
    oc_putf(&json, "}");
    return oc_done(oc_finish(&json));
}

static oc_result crash(const oc_args *args) {
    (void)args;
    abort();
}

static oc_result flood(const oc_args *args) {
    oc_buffer text = {0};
    for (int64_t left = oc_integer(args, "bytes"); left > 0; left--) {
        oc_put(&text, "x", 1);
    }
    return oc_done(oc_finish(&text));
}

#define PARAMS(...) ((const oc_param[]){__VA_ARGS__, {0}})

static const oc_tool TOOLS[] = {
    {.name = "echo",
     .description = "Gives its arguments back.",
     .params = PARAMS({.name = "text", .type = OC_STRING, .description = "Any text."},
                      {.name = "count", .type = OC_INTEGER, .description = "Any whole number."},
                      {.name = "note", .type = OC_STRING, .description = "Another text.", .optional = true},
                      {.name = "tags", .type = OC_STRINGS, .description = "Any texts."}),
     .run = echo},
    {.name = "fail",
     .description = "Ends with an error.",
     .params = PARAMS({.name = "kind", .type = OC_CHOICE, .description = "The error to end with.", .choices = KINDS}),
     .run = fail},
    {.name = "write_file",
     .description = "Writes a file of the workspace.",
     .params = PARAMS({.name = "path", .type = OC_STRING, .description = "Path relative to the workspace."},
                      {.name = "text", .type = OC_STRING, .description = "The new text."}),
     .run = write_file},
    {.name = "read_file",
     .description = "Reads a file of the workspace.",
     .params = PARAMS({.name = "path", .type = OC_STRING, .description = "Path relative to the workspace."}),
     .run = read_file},
    {.name = "fetch",
     .description = "Fetches a page.",
     .params = PARAMS({.name = "url", .type = OC_STRING, .description = "An absolute URL."},
                      {.name = "secret",
                       .type = OC_STRING,
                       .description = "A secret to send in the header `x-key`.",
                       .optional = true}),
     .run = fetch},
    {.name = "setting",
     .description = "Reads a setting.",
     .params = PARAMS({.name = "key", .type = OC_STRING, .description = "Its name."}),
     .run = setting},
    {.name = "report",
     .description = "Writes a line into the log and reports progress.",
     .params = PARAMS({.name = "message", .type = OC_STRING, .description = "What to report."}),
     .run = report},
    {.name = "remember",
     .description = "Gives what was remembered and remembers something else.",
     .params = PARAMS({.name = "key", .type = OC_STRING, .description = "A key of the store."},
                      {.name = "value", .type = OC_STRING, .description = "Its new value.", .optional = true}),
     .run = remember},
    {.name = "crash", .description = "Crashes.", .run = crash},
    {.name = "flood",
     .description = "Gives a long text.",
     .params = PARAMS({.name = "bytes", .type = OC_INTEGER, .description = "How many bytes."}),
     .run = flood},
    {0},
};

static const oc_scope SCOPES[] = {
    OC_SCOPE_WORKSPACE(OC_READ_WRITE),
    OC_SCOPE_HTTP("*", OC_LIST("GET"), NULL),
    OC_SCOPE_SECRET("canary"),
    OC_SCOPE_STORE("cache"),
    {0},
};

const oc_component oc_the_component = {
    .name = "conformance",
    .version = "0.1.0",
    .summary = "Does what every SDK must be able to do.",
    .tools = TOOLS,
    .scopes = SCOPES,
};
