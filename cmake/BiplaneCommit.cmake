# cmake -D SOURCE=... -D HEADER=... -P: writes a header with the commit of the checkout, "-dirty" behind it where files differ from it; "unknown"
# where SOURCE is no checkout (an archive inside somebody else's has another commit than that one). A header that says so already is left alone.
cmake_minimum_required(VERSION 3.25)
set(commit "")
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty
    OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define BIPLANE_COMMIT \"@commit@\"\n" @ONLY)
