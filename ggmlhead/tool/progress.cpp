#include "progress.h"

void flash_head_tool_add_tensor(json_object * line, const flash_head_tensor_info & info) {
    line->add("event",   "start");
    line->add("tensor",  info.name.c_str());
    line->add("type",    ggml_type_name(info.type));
    line->add("rows",    info.n_rows);
    line->add("columns", info.n_cols);
}

double flash_head_tool_clock::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool flash_head_tool_clock::due(const char * stage, int iteration, json_object * line) {
    const double now = seconds();
    if (last_stage == stage && last_iteration == iteration && now - last < 0.5) {
        return false;
    }
    last_stage     = stage;
    last_iteration = iteration;
    last           = now;
    line->add("event",   "progress");
    line->add("stage",   stage);
    line->add("seconds", now);
    return true;
}
