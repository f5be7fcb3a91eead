# Adds short lists of candidates to the target llama-common; included by llama.cpp's common/CMakeLists.txt.

include(${CMAKE_CURRENT_LIST_DIR}/../sources.cmake)

target_sources(llama-common PRIVATE ${FLASH_HEAD_SAMPLING})
target_include_directories(llama-common PRIVATE ${FLASH_HEAD_DIR}/sampling ${FLASH_HEAD_DIR}/hosts/llama)
