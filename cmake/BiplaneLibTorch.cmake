# Defines biplane_libtorch. The libraries and include folders are linked directly and TorchConfig.cmake is not used:
# a wheel built for CUDA insists there on a CUDA toolkit, which a machine that only runs on the CPU does not have.
# Looked up in this order: CMAKE_PREFIX_PATH (a LibTorch archive, a wheel's torch folder or its share/cmake, a
# distribution's package), then the local environment that tools/setup makes.
file(GLOB _venv_torch ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
set(_torch_hints)
foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
  list(APPEND _torch_hints ${prefix} ${prefix}/../.. ${prefix}/torch)
endforeach()
list(APPEND _torch_hints ${_venv_torch})
find_path(BIPLANE_TORCH_INCLUDE torch/csrc/api/include/torch/torch.h HINTS ${_torch_hints} PATH_SUFFIXES include)
find_library(BIPLANE_TORCH_LIBRARY torch HINTS ${_torch_hints} PATH_SUFFIXES lib)
if(NOT BIPLANE_TORCH_INCLUDE OR NOT BIPLANE_TORCH_LIBRARY)
  message(FATAL_ERROR "biplane: LibTorch was not found: run 'make setup', or pass "
                      "-DCMAKE_PREFIX_PATH=<folder of LibTorch>, or -DBIPLANE_TORCH=OFF for the parts without tensors")
endif()
file(STRINGS ${BIPLANE_TORCH_INCLUDE}/torch/headeronly/version.h _torch_version REGEX "define TORCH_VERSION_M(AJOR|INOR)")
if(NOT _torch_version)
  file(STRINGS ${BIPLANE_TORCH_INCLUDE}/torch/csrc/api/include/torch/version.h _torch_version
       REGEX "define TORCH_VERSION_M(AJOR|INOR)")
endif()
string(REGEX MATCHALL "[0-9]+" _torch_numbers "${_torch_version}")
list(JOIN _torch_numbers "." _torch_numbers)
if(_torch_numbers VERSION_LESS 2.6)
  message(FATAL_ERROR "biplane: LibTorch ${_torch_numbers} is too old; 2.6 or newer is needed")
endif()
message(STATUS "LibTorch ${_torch_numbers}: ${BIPLANE_TORCH_LIBRARY}")
get_filename_component(_torch_lib_dir ${BIPLANE_TORCH_LIBRARY} DIRECTORY)
find_library(BIPLANE_TORCH_CPU torch_cpu HINTS ${_torch_lib_dir} REQUIRED)
find_library(BIPLANE_C10 c10 HINTS ${_torch_lib_dir} REQUIRED)
find_library(BIPLANE_TORCH_CUDA torch_cuda HINTS ${_torch_lib_dir} NO_DEFAULT_PATH)
find_library(BIPLANE_C10_CUDA c10_cuda HINTS ${_torch_lib_dir} NO_DEFAULT_PATH)

add_library(biplane_libtorch INTERFACE)
target_include_directories(biplane_libtorch SYSTEM INTERFACE
  ${BIPLANE_TORCH_INCLUDE} ${BIPLANE_TORCH_INCLUDE}/torch/csrc/api/include)
target_link_libraries(biplane_libtorch INTERFACE ${BIPLANE_TORCH_LIBRARY} ${BIPLANE_TORCH_CPU} ${BIPLANE_C10} Threads::Threads)
# Wheels export the std::filesystem of the compiler that they were made with (that of CUDA crashed here in create_directories
# and the like): the standard library is searched before them (tests/cli/test_program.py).
target_link_options(biplane_libtorch INTERFACE "SHELL:-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state")
if(BIPLANE_TORCH_CUDA AND BIPLANE_C10_CUDA)
  # libtorch_cuda registers its kernels when it is loaded, so it must not be dropped as unused.
  target_link_libraries(biplane_libtorch INTERFACE -Wl,--no-as-needed ${BIPLANE_TORCH_CUDA} ${BIPLANE_C10_CUDA} -Wl,--as-needed)
endif()
