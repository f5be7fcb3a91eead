#pragma once

// The program, from its arguments to its exit status: 0 done, 1 failed, 2 wrong use. Errors are one line on stderr,
// "error: ...".
int flash_head_tool_run(int argc, char ** argv);

// Its commands; each takes the arguments after its name and returns the exit status.
int flash_head_tool_cluster(int argc, char ** argv);
int flash_head_tool_centroids(int argc, char ** argv);
int flash_head_tool_calibrate(int argc, char ** argv);
int flash_head_tool_devices(int argc, char ** argv);
