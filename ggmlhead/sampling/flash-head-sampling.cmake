# Adds short lists of candidates to the target llama-common; included by llama.cpp's common/CMakeLists.txt.

set(FLASH_HEAD_DIR ${CMAKE_CURRENT_LIST_DIR}/..)

target_sources(llama-common PRIVATE
    ${FLASH_HEAD_DIR}/sampling/flash-head-sampling.cpp
    ${FLASH_HEAD_DIR}/sampling/flash-head-shortlist.cpp)
target_include_directories(llama-common PRIVATE ${FLASH_HEAD_DIR}/sampling ${FLASH_HEAD_DIR}/llama)
