#pragma once

// The program, from its arguments to its exit status: 0 done, 1 failed, 2 wrong use. Errors are one line on stderr,
// "error: ...".
int flash_head_tool_run(int argc, char ** argv);

// Its commands; each takes the arguments after its name. They throw flash_head_usage_error (flags.h) and
// std::runtime_error.
void flash_head_tool_cluster(int argc, char ** argv);
void flash_head_tool_centroids(int argc, char ** argv);
void flash_head_tool_calibrate(int argc, char ** argv);
void flash_head_tool_devices(int argc, char ** argv);
