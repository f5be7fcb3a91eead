# Adds FlashHead to the target llama; included by llama.cpp's src/CMakeLists.txt.

set(FLASH_HEAD_DIR ${CMAKE_CURRENT_LIST_DIR}/..)

set(FLASH_HEAD_SOURCES
    ${FLASH_HEAD_DIR}/core/flash-head-centroids-group.cpp
    ${FLASH_HEAD_DIR}/core/flash-head-sketch-pack.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-build.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-map.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-max-rows.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-pages.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-project.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-settings.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-statistics.cpp
    ${FLASH_HEAD_DIR}/head/flash-head-stream.cpp
    ${FLASH_HEAD_DIR}/llama/llama-flash-head-active.cpp
    ${FLASH_HEAD_DIR}/llama/llama-flash-head.cpp
    ${FLASH_HEAD_DIR}/llama/llama-flash-head-device.cpp
)

target_sources(llama PRIVATE ${FLASH_HEAD_SOURCES})
target_include_directories(llama PRIVATE ${FLASH_HEAD_DIR}/core ${FLASH_HEAD_DIR}/head ${FLASH_HEAD_DIR}/llama)

# a unity build would put the static functions of several files in one
set_source_files_properties(${FLASH_HEAD_SOURCES} TARGET_DIRECTORY llama PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
