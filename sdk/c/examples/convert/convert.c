// Converts amounts between units of length, mass, volume and temperature.

#include <string.h>

#include "openclaw.h"

// In units of the kind's first one: amount * factor + offset.
typedef struct {
    const char *name;
    char kind;
    double factor, offset;
} unit;

static const unit UNITS[] = {
    {"m", 'l', 1, 0},           {"mm", 'l', 0.001, 0},    {"cm", 'l', 0.01, 0},      {"km", 'l', 1000, 0},
    {"in", 'l', 0.0254, 0},     {"ft", 'l', 0.3048, 0},   {"yd", 'l', 0.9144, 0},    {"mi", 'l', 1609.344, 0},
    {"kg", 'm', 1, 0},          {"g", 'm', 0.001, 0},     {"oz", 'm', 0.028349523125, 0}, {"lb", 'm', 0.45359237, 0},
    {"l", 'v', 1, 0},           {"ml", 'v', 0.001, 0},    {"cup", 'v', 0.2365882365, 0},  {"gal", 'v', 3.785411784, 0},
    {"K", 't', 1, 0},           {"C", 't', 1, 273.15},    {"F", 't', 5.0 / 9, 459.67 * 5 / 9},
};

static const char *const NAMES[] = {"m", "mm", "cm", "km", "in", "ft", "yd", "mi", "kg", "g", "oz", "lb",
                                    "l", "ml", "cup", "gal", "K", "C", "F", NULL};

static const unit *unit_of(oc_text name) {
    const unit *unit = UNITS;
    // The host and the SDK have checked that it is one of the names.
    while (strcmp(unit->name, name.bytes) != 0) {
        unit++;
    }
    return unit;
}

static oc_result convert(const oc_args *args) {
    const unit *from = unit_of(oc_string(args, "from")), *to = unit_of(oc_string(args, "to"));
    if (from->kind != to->kind) {
        return oc_error(OC_INVALID_ARGUMENTS, "`%s` and `%s` measure different things", from->name, to->name);
    }
    double amount = oc_number(args, "amount");
    double converted = (amount * from->factor + from->offset - to->offset) / to->factor;
    return oc_done(oc_format("%.10g %s = %.10g %s", amount, from->name, converted, to->name));
}

static const oc_param CONVERT[] = {
    {.name = "amount", .type = OC_NUMBER, .description = "How much."},
    {.name = "from", .type = OC_CHOICE, .description = "Its unit.", .choices = NAMES},
    {.name = "to", .type = OC_CHOICE, .description = "The unit wanted. `cup` and `gal` are those of the US.", .choices = NAMES},
    {0},
};

static const oc_tool TOOLS[] = {
    {.name = "convert",
     .description = "Converts an amount from one unit to another. Use it instead of calculating yourself.",
     .params = CONVERT,
     .run = convert},
    {0},
};

const oc_component oc_the_component = {
    .name = "convert",
    .version = "0.1.0",
    .summary = "Converts units of length, mass, volume and temperature.",
    .tools = TOOLS,
};
