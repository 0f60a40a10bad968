# cycloid_embed(TARGET NAME=FILE...)
#
# Compiles the text of each FILE into TARGET, as asset("NAME") of src/bench/report/assets.h. An empty FILE gives an empty
# asset. The generated source is made anew when a FILE changes.
function(cycloid_embed target)
  set(output ${PROJECT_BINARY_DIR}/embedded/${target}_assets.cpp)
  set(files)
  foreach(pair IN LISTS ARGN)
    string(REGEX REPLACE "^[^=]*=" "" file "${pair}")
    if(file)
      list(APPEND files ${file})
    endif()
  endforeach()
  string(REPLACE ";" "|" pairs "${ARGN}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DPAIRS=${pairs}" -P ${PROJECT_SOURCE_DIR}/cmake/EmbedScript.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/EmbedScript.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
