# Compiler cache, sanitizers: what holds for every target.
find_program(CYCLOID_CCACHE ccache)
if(CYCLOID_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CYCLOID_CCACHE})
endif()

if(CYCLOID_FUZZ AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "CYCLOID_FUZZ needs clang's libFuzzer; use the preset: cmake --preset fuzz")
endif()

if(CYCLOID_SANITIZE)
  add_compile_options(-fsanitize=${CYCLOID_SANITIZE} -fno-omit-frame-pointer -g1)  # lines in stack traces
  add_link_options(-fsanitize=${CYCLOID_SANITIZE})
  if(CYCLOID_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(CYCLOID_FUZZ)
  # Coverage counters in all code; the main loop (-fsanitize=fuzzer) only in the fuzz programs.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
