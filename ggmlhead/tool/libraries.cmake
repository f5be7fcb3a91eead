# The libraries of llama-flashhead: clustering (equal-sized spherical k-means on ggml's kernels) and calibration
# (codes fitted to hidden states, and what the runtime would do with them).

include(${CMAKE_CURRENT_LIST_DIR}/../sources.cmake)

find_package(Threads REQUIRED)

add_library(flash-head-cluster STATIC ${FLASH_HEAD_CLUSTER})
target_compile_features(flash-head-cluster PUBLIC cxx_std_17)
target_include_directories(flash-head-cluster
    PUBLIC  ${FLASH_HEAD_DIR}/tool/cluster
    PRIVATE ${FLASH_HEAD_DIR}/core ${FLASH_HEAD_DIR}/model)
target_link_libraries(flash-head-cluster PUBLIC ggml Threads::Threads)

add_library(flash-head-calibrate STATIC ${FLASH_HEAD_CALIBRATE} ${FLASH_HEAD_KERNEL} ${FLASH_HEAD_MODEL})
target_compile_features(flash-head-calibrate PUBLIC cxx_std_17)
target_include_directories(flash-head-calibrate PUBLIC
    ${FLASH_HEAD_DIR}/tool/calibrate ${FLASH_HEAD_DIR}/core ${FLASH_HEAD_DIR}/model)
target_include_directories(flash-head-calibrate PRIVATE ${FLASH_HEAD_DIR}/ggml/op)    # enums of the settings
target_link_libraries(flash-head-calibrate PUBLIC flash-head-cluster)
