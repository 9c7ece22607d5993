# What most sources include, parsed once for all (WHOSENT_PCH). No source may rely on it: `scripts/sanitize` builds without.
set(common_headers <algorithm> <array> <chrono> <cstdint> <expected> <functional> <map> <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector> <fmt/format.h>)
function(whosent_precompile name)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_precompile_headers(${name} PRIVATE ${common_headers} ${ARGN})
  target_link_libraries(${name} PRIVATE fmt::fmt)
endfunction()
function(whosent_use_precompiled target precompiled)
  if(WHOSENT_PCH)
    target_precompile_headers(${target} REUSE_FROM ${precompiled})
    # Out of a precompiled header g++ 12 tells what it knows to be wrong of the standard library's own, where it is else silent
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-restrict)
  endif()
endfunction()

# A room is one folder under src/ and one static library. PUBLIC names the rooms it may know, PRIVATE the third-party
# libraries it owns: nobody else gets their headers. NOT_PRECOMPILED: one of these is used with macros that the precompiled headers lack.
function(whosent_room name)
  cmake_parse_arguments(ARG "NOT_PRECOMPILED" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return() # a room without sources yet
  endif()
  add_library(whosent_${name} STATIC ${sources})
  target_include_directories(whosent_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(whosent_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(NOT ARG_NOT_PRECOMPILED)
    whosent_use_precompiled(whosent_${name} whosent_common)
  endif()
endfunction()

# A test executable of all .cpp files of the current folder; every TEST_CASE becomes one ctest test.
function(whosent_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(test_${name} PRIVATE WHOSENT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" WHOSENT_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(test_${name} PRIVATE whosent_test_main ${ARG_LINK})
  target_compile_options(test_${name} PRIVATE ${WHOSENT_TEST_OPTIONS})
  whosent_use_precompiled(test_${name} whosent_common_tests)
  if(Catch2_VERSION VERSION_LESS 3)
    # 2.13 succeeds when a name matches no test, unless told otherwise; version 3 fails by itself
    catch_discover_tests(test_${name} TEST_PREFIX "${name}: " EXTRA_ARGS -w NoTests PROPERTIES TIMEOUT 300)
  else()
    catch_discover_tests(test_${name} TEST_PREFIX "${name}: " PROPERTIES TIMEOUT 300)
  endif()
endfunction()
