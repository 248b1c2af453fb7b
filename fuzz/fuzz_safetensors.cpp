// Headers of safetensors files, in which every tensor that is accepted must lie inside the file,
// and the lists of sharded weights.
//
// Guards: biplane/formats/safetensors.cpp biplane/formats/weight_index.cpp
// biplane/formats/guarded_json.cpp
#include <cstring>

#include "biplane/core/error.h"
#include "biplane/formats/safetensors.h"
#include "biplane/formats/weight_index.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> result;
  for (
      const std::string json :
      {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       R"({"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[0,3],"data_offsets":[8,8]}})"}) {
    std::string content(8, '\0');
    const std::uint64_t size = json.size();
    std::memcpy(content.data(), &size, sizeof size);
    result.push_back(content + json + "datadata");
  }
  result.push_back(R"({"metadata":{"total_size":8},"weight_map":{"a":"model-1.bin","b":"c.bin"}})");
  return result;
}

void one_input(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string content(reinterpret_cast<const char*>(data), size);
    if (is_weight_index(content)) {
      const WeightIndex index = read_weight_index(content, "input");
      if (index.files.size() > index.file_of.size()) __builtin_trap();
      return;
    }
    const SafetensorsFile file = SafetensorsFile::parse(content, "input");
    unsigned sum = 0;
    for (const TensorEntry& entry : file.entries())
      for (const std::byte byte : file.bytes(entry)) sum += std::to_integer<unsigned>(byte);
    if (sum > 255U * size) __builtin_trap();
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
