# Adds exact generation to the target server-context; included by llama.cpp's tools/server/CMakeLists.txt.

include(${CMAKE_CURRENT_LIST_DIR}/../../sources.cmake)

target_sources(server-context PRIVATE ${FLASH_HEAD_SERVER})
target_include_directories(server-context PRIVATE ${FLASH_HEAD_DIR}/hosts/server ${FLASH_HEAD_DIR}/hosts/llama)
