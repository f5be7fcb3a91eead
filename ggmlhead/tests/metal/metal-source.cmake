# flash_head.metal as C++: attributes become types of tests/metal/metal_stdlib, nothing else changes.
#
# Run with -DSOURCE=flash_head.metal, as ggml-metal-flash-head.cmake makes it, and -DOUTPUT=file.

file(READ ${SOURCE} text)
string(CONCAT builtins "threadgroup_position_in_grid|threads_per_threadgroup|thread_index_in_threadgroup|"
    "thread_index_in_simdgroup|simdgroup_index_in_threadgroup")
string(REGEX REPLACE "[a-z]+[0-9]? +([a-z]+) *\\[\\[(${builtins})\\]\\]" "metal_\\2 \\1" text "${text}")
string(REGEX REPLACE "threadgroup +uint +\\* ([a-z]+) \\[\\[threadgroup\\(0\\)\\]\\]"
    "metal_threadgroup_memory \\1" text "${text}")
string(REGEX REPLACE "constant short ([A-Za-z_]+) +\\[\\[function_constant\\(([^)]+)\\)\\]\\]"
    "static metal_function_constant<\\2> \\1" text "${text}")
string(REGEX REPLACE "template \\[\\[host_name\\(([^)]+)\\)\\]\\][ \\\n]+kernel decltype\\([^)]+\\) ([^;]+);"
    "METAL_KERNEL(\\1, \\2)" text "${text}")
string(REGEX MATCH "\\[\\[[^]\n]*\\]\\]" left "${text}")
if (left)
    message(FATAL_ERROR "there is no C++ for ${left}")
endif()
file(WRITE ${OUTPUT} "${text}")
