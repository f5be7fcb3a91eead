# Adds FlashHead to the target ggml-metal; included by ggml/src/ggml-metal/CMakeLists.txt, whose list of kernels gets
# FLASH_HEAD_METAL_SOURCE.

include(${CMAKE_CURRENT_LIST_DIR}/flash-head-metal-source.cmake)

target_sources(ggml-metal PRIVATE ${FLASH_HEAD_METAL})
target_include_directories(ggml-metal PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_LIST_DIR} ${FLASH_HEAD_DIR}/core)
