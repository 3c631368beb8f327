/* The component `{{name}}`: what it is called, what it asks for, and its tools. */

#include "openclaw.h"

static oc_result greet(const oc_args *args) {
    oc_text text;
    OC_TRY(oc_read_file(oc_string(args, "path").bytes, &text));
    size_t length = text.length;
    while (length > 0 && (unsigned char)text.bytes[length - 1] <= ' ') length--;
    if (length == 0) return oc_error(OC_INVALID_ARGUMENTS, "the file names nobody");
    return oc_done(oc_format("Hello, %.*s!", (int)length, text.bytes));
}

static const oc_param GREET[] = {
    {
        .name = "path",
        .type = OC_STRING,
        .description = "File with the name of whoever is greeted; a path relative to the workspace.",
    },
    {0},
};

static const oc_tool TOOLS[] = {
    {
        .name = "{{tool}}",
        .description = "Greets whoever a file of the workspace names.",
        .params = GREET,
        .run = greet,
    },
    {0},
};

static const oc_scope SCOPES[] = {OC_SCOPE_WORKSPACE(OC_READ), {0}};

const oc_component oc_the_component = {
    .name = "{{name}}",
    .version = "0.1.0",
    .summary = "Greets people.",
    .tools = TOOLS,
    .scopes = SCOPES,
};
