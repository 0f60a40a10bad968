# CYCLOID_PYTHON: the interpreter that runs the Python tests and workers, and whose packages hold the peers' libraries.
# `./dev` makes .venv; without it the first python3 found stands in, and tests that need more of it say so and skip.
# A wheel is for the interpreter that asks for it.
if(SKBUILD)
  set(CYCLOID_PYTHON ${Python_EXECUTABLE} CACHE FILEPATH "Python interpreter" FORCE)
elseif(NOT CYCLOID_PYTHON)
  if(EXISTS ${PROJECT_SOURCE_DIR}/.venv/bin/python)
    set(CYCLOID_PYTHON ${PROJECT_SOURCE_DIR}/.venv/bin/python CACHE FILEPATH "Python interpreter" FORCE)
  else()
    find_program(CYCLOID_PYTHON python3 DOC "Python interpreter" REQUIRED)
  endif()
endif()
