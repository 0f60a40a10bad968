# What others build against: one shared library of the layers up to `runtime`, its public headers, and the files that
# find_package(cycloid) reads. Symbols are exported by CYCLOID_API (include/cycloid/export.h) alone.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(library_layers base tensor graph ops onnx rewrite kernels plan runtime)
set(library_objects)
foreach(layer IN LISTS library_layers)
  get_target_property(type cycloid_${layer} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND library_objects $<TARGET_OBJECTS:cycloid_${layer}>)
  endif()
endforeach()
# Not named `cycloid`: for Ninja that is the program build/cycloid.
add_library(cycloid_library SHARED ${library_objects})
add_library(cycloid::cycloid ALIAS cycloid_library)
set_target_properties(cycloid_library PROPERTIES
  OUTPUT_NAME cycloid
  LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  EXPORT_NAME cycloid)
target_include_directories(cycloid_library INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(cycloid_library INTERFACE cxx_std_20)
target_link_libraries(cycloid_library PRIVATE fmt::fmt spdlog::spdlog Threads::Threads)
if(NOT CYCLOID_SANITIZE)
  target_link_options(cycloid_library PRIVATE -Wl,--no-undefined)
endif()

install(TARGETS cycloid_library EXPORT cycloid-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cycloid_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/cycloid DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/cycloid DESTINATION ${CMAKE_INSTALL_DATADIR}/cycloid/python OPTIONAL
  FILES_MATCHING PATTERN "*.py" PATTERN "__pycache__" EXCLUDE PATTERN "*_test.py" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/THIRD_PARTY_NOTICES.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cycloid)
install(EXPORT cycloid-targets NAMESPACE cycloid:: DESTINATION ${config_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cycloid-config.cmake.in
  ${PROJECT_BINARY_DIR}/cycloid-config.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cycloid-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cycloid-config.cmake ${PROJECT_BINARY_DIR}/cycloid-config-version.cmake
  DESTINATION ${config_dir})
