#pragma once

#include "json.h"
#include "rows.h"

#include <chrono>
#include <cstdint>
#include <string>

// What a long command prints while it works: JSON, one event a line.

// The tensor's keys of the event "start".
void flash_head_tool_add_tensor(json_object * line, const flash_head_tensor_info & info);

// The clock of the event "progress": every change is printed at once, else a line each half second.
struct flash_head_tool_clock {
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

    // Seconds since the start.
    double seconds() const;

    // Whether it is time for a line about this step. Then line has event, stage and seconds.
    bool due(const char * stage, int iteration, json_object * line);

private:
    double      last           = -1.0;
    int         last_iteration = -1;
    std::string last_stage;
};
