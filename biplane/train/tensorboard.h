#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace biplane {

// CRC-32C (Castagnoli) as TFRecord files use it.
std::uint32_t crc32c(std::string_view data);

// One TFRecord: length, masked CRC of the length, data, masked CRC of the data.
std::string tf_record(std::string_view data);

// Writes scalars as a TensorBoard event file (records of tensorflow.Event, encoded by hand: five
// fields are used). Free of LibTorch.
class TensorboardWriter {
 public:
  // Starts a new file events.out.tfevents.* in `folder`. `first_step` > 0: a run that goes on;
  // TensorBoard then drops what older files say about this step and later ones. `wall_seconds`
  // since 1970. Throws Error kIo.
  TensorboardWriter(const std::filesystem::path& folder, double wall_seconds,
                    std::int64_t first_step = 0);

  // One value each, at `step`.
  void scalars(std::int64_t step, double wall_seconds,
               const std::vector<std::pair<std::string, double>>& values);
  const std::filesystem::path& path() const { return path_; }

 private:
  void write(std::string_view event);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace biplane
