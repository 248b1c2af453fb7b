# biplane_module(NAME [TORCH] SOURCES ... DEPENDS ... PRIVATE ...): one static library a module.
#   DEPENDS: other modules (names without prefix) and public libraries; PRIVATE: libraries kept inside the .cpp files.
# biplane_alone(NAME REGEX): sources of a module that are compiled each by itself where BIPLANE_UNITY joins four at a time.
# biplane_test(NAME [TORCH] [OWN_GOLDEN] SOURCES ... DEPENDS ...): one ctest entry per test binary.
#   OWN_GOLDEN: its golden tests run a second time, as NAME_own, on the values in tests/golden, which every clone has.
set(BIPLANE_WARNINGS -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND BIPLANE_WARNINGS -Wno-restrict)  # false alarms on std::string operator+ (GCC bug 105651)
endif()
if(BIPLANE_WERROR)
  list(APPEND BIPLANE_WARNINGS -Werror)
endif()

function(_biplane_flags target)
  target_compile_options(${target} PRIVATE ${BIPLANE_WARNINGS})
  if(BIPLANE_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${BIPLANE_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${BIPLANE_SANITIZE})
  endif()
  if(BIPLANE_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# The allocator of a program. Training frees and takes thousands of buffers a step, and a phantom study its images: glibc gives them back to the
# system or merges them each time, which took a sixth of a training step and a fifth of a study.
function(_biplane_allocator target)
  if(NOT BIPLANE_SANITIZE)
    target_link_libraries(${target} PRIVATE mimalloc)
  endif()
endfunction()

# The first torch target compiles the precompiled header; every other one reuses it (40 s once).
function(_biplane_pch target)
  target_link_libraries(${target} PUBLIC biplane_libtorch)
  get_property(owner GLOBAL PROPERTY BIPLANE_PCH_OWNER)
  if(owner)
    # The header was compiled with -fPIC; the -fPIE that CMake gives programs would not fit it.
    target_compile_options(${target} PRIVATE -fPIC)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/biplane/nn/libtorch.h)
    set_property(GLOBAL PROPERTY BIPLANE_PCH_OWNER ${target})
  endif()
endfunction()

# Links modules (by name without prefix) and libraries.
function(_biplane_depend target scope)
  foreach(dependency IN LISTS ARGN)
    if(TARGET biplane_${dependency})
      target_link_libraries(${target} ${scope} biplane_${dependency})
    else()
      target_link_libraries(${target} ${scope} ${dependency})
    endif()
  endforeach()
endfunction()

function(biplane_module name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  set(target biplane_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(biplane::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  _biplane_depend(${target} PUBLIC ${ARG_DEPENDS})
  target_link_libraries(${target} PRIVATE ${ARG_PRIVATE})
  _biplane_flags(${target})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${BIPLANE_UNITY} UNITY_BUILD_BATCH_SIZE 4)
  if(BIPLANE_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # takes a joined .cpp file for a header
  endif()
  if(ARG_TORCH)
    _biplane_pch(${target})
  endif()
endfunction()

function(biplane_alone name regex)
  get_target_property(sources biplane_${name} SOURCES)
  list(FILTER sources INCLUDE REGEX ${regex})
  set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Tests run side by side, and threads of OpenMP that wait for a core stop all the others at their barriers (17 times as long).
set(BIPLANE_TEST_ENVIRONMENT "BIPLANE_BUILD_DIR=${CMAKE_BINARY_DIR};OMP_NUM_THREADS=1")

function(biplane_test name)
  cmake_parse_arguments(ARG "TORCH;OWN_GOLDEN" "" "SOURCES;DEPENDS" ${ARGN})
  set(target test_${name})
  add_executable(${target} ${ARG_SOURCES} $<TARGET_OBJECTS:biplane_test_main>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  _biplane_depend(${target} PRIVATE ${ARG_DEPENDS})
  target_link_libraries(${target} PRIVATE GTest::gtest GTest::gmock)
  _biplane_flags(${target})
  # What takes time in a test is the library; the compiler takes 2 of 6 seconds a file less.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(ARG_TORCH)
    _biplane_pch(${target})
  endif()
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    ENVIRONMENT "${BIPLANE_TEST_ENVIRONMENT}"
    SKIP_RETURN_CODE 77)
  if(ARG_OWN_GOLDEN)
    add_test(NAME ${name}_own COMMAND ${target})
    set_tests_properties(${name}_own PROPERTIES
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      ENVIRONMENT "${BIPLANE_TEST_ENVIRONMENT};BIPLANE_TEST_DATA=${PROJECT_SOURCE_DIR}/tests;BIPLANE_REQUIRE_TEST_DATA=1")
  endif()
endfunction()
