#include "biplane/model/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "biplane/core/checksums.h"
#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPrefix = "step-";
constexpr const char* kUnfinished = ".unfinished-";
constexpr const char* kDamaged = "damaged-";
constexpr int kFormat = 1;

fs::path checkpoints_folder(const fs::path& run) { return run / "checkpoints"; }

// N of a folder named step-N.
std::optional<std::int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + std::strlen(kPrefix), end, step);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return step;
}

// The names in a folder reach the disk only when the folder itself does.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!done)
    throw Error(ErrorKind::kIo,
                folder.string() + ": cannot be flushed to the disk: " + std::strerror(error));
}

std::string state_text(const Checkpoint& checkpoint) {
  const json state = {{"format", kFormat},
                      {"step", checkpoint.step},
                      {"batches", checkpoint.batches},
                      {"epoch", checkpoint.epoch},
                      {"seed", checkpoint.seed},
                      {"threads", checkpoint.threads},
                      {"data_fingerprint", checkpoint.data_fingerprint},
                      {"config", checkpoint.config}};
  return state.dump(1) + "\n";
}

std::int64_t count_of(const json& state, const char* key, const fs::path& path) {
  const json& value = state.at(key);
  if (value.is_number_unsigned()) return value.get<std::int64_t>();
  throw Error(ErrorKind::kBadContent,
              path.string() + ": " + key + " is " + value.dump() + ", not a count");
}

void read_state(const fs::path& path, Checkpoint& checkpoint) {
  try {
    const json state = json::parse(read_file(path));
    const int format = state.at("format").get<int>();
    if (format != kFormat) {
      throw Error(ErrorKind::kBadContent, path.string() + ": format " + std::to_string(format) +
                                              " is not known to this version");
    }
    checkpoint.step = count_of(state, "step", path);
    checkpoint.batches = count_of(state, "batches", path);
    state.at("epoch").get_to(checkpoint.epoch);
    state.at("seed").get_to(checkpoint.seed);
    state.at("threads").get_to(checkpoint.threads);
    state.at("data_fingerprint").get_to(checkpoint.data_fingerprint);
    state.at("config").get_to(checkpoint.config);
  } catch (const json::exception& error) {
    throw Error(ErrorKind::kBadContent,
                path.string() + ": not the state of a checkpoint: " + error.what());
  }
}

void write_content(const fs::path& folder, const Checkpoint& checkpoint,
                   const CheckpointCompanions& companions) {
  make_folder(folder);
  save_safetensors(folder / "model.safetensors", checkpoint.model);
  save_safetensors(folder / "optimizer.safetensors", checkpoint.optimizer);
  write_file_atomically(folder / "state.json", state_text(checkpoint));
  if (companions) companions(folder);
  write_checksums(folder);
  sync_folder(folder);
}

[[noreturn]] void throw_filesystem(const fs::filesystem_error& error) {
  throw Error(ErrorKind::kIo, error.path1().string() + ": " + error.code().message());
}

}  // namespace

TensorMap module_state(const torch::nn::Module& module) {
  TensorMap state;
  for (const auto& item : module.named_parameters())
    state.emplace(item.key(), item.value().detach());
  for (const auto& item : module.named_buffers()) state.emplace(item.key(), item.value().detach());
  return state;
}

std::vector<fs::path> list_checkpoints(const fs::path& run) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_folder(run), error)) {
    const std::optional<std::int64_t> step = step_of(entry.path());
    if (step && entry.is_directory()) found.emplace_back(*step, entry.path());
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<fs::path> folders;
  for (auto& [step, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

fs::path save_checkpoint(const fs::path& run, const Checkpoint& checkpoint, std::int64_t keep,
                         const CheckpointCompanions& companions) {
  const std::string name = kPrefix + std::to_string(checkpoint.step);
  // The last whole checkpoint must not give way to one that nothing can be done with.
  refuse_not_finite(checkpoint.model, name, ErrorKind::kFailure);
  refuse_not_finite(checkpoint.optimizer, name, ErrorKind::kFailure);
  const fs::path parent = checkpoints_folder(run);
  make_folder(parent);
  const fs::path unfinished = parent / (kUnfinished + name);
  const fs::path folder = parent / name;
  try {
    fs::remove_all(unfinished);
    write_content(unfinished, checkpoint, companions);
    fs::remove_all(folder);  // only where a run went back behind it
    fs::rename(unfinished, folder);
    sync_folder(parent);
    const std::vector<fs::path> all = list_checkpoints(run);
    for (std::size_t i = static_cast<std::size_t>(std::max<std::int64_t>(keep, 1)); i < all.size();
         ++i)
      fs::remove_all(all[i]);
  } catch (const fs::filesystem_error& error) {
    throw_filesystem(error);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);  // gives the room back
    throw;
  }
  return folder;
}

Checkpoint load_checkpoint(const fs::path& folder) {
  verify_checksums(folder);
  Checkpoint checkpoint;
  read_state(folder / "state.json", checkpoint);
  if (step_of(folder).value_or(checkpoint.step) != checkpoint.step) {
    throw Error(ErrorKind::kBadContent, (folder / "state.json").string() + ": is of step " +
                                            std::to_string(checkpoint.step));
  }
  checkpoint.model = load_safetensors(folder / "model.safetensors");
  checkpoint.optimizer = load_safetensors(folder / "optimizer.safetensors");
  refuse_not_finite(checkpoint.model, folder / "model.safetensors", ErrorKind::kBadContent);
  refuse_not_finite(checkpoint.optimizer, folder / "optimizer.safetensors", ErrorKind::kBadContent);
  return checkpoint;
}

std::optional<Checkpoint> resume_checkpoint(const fs::path& run,
                                            const std::function<void(const std::string&)>& warn) {
  for (const fs::path& folder : list_checkpoints(run)) {
    std::string reason;
    try {
      return load_checkpoint(folder);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kBadContent && error.kind() != ErrorKind::kMissingInput) throw;
      reason = error.what();
    }
    // Out of the way, so that "the newest" and "the last K" mean whole ones; kept for whoever wants
    // to look.
    const fs::path aside = folder.parent_path() / (kDamaged + folder.filename().string());
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(folder, aside, error);
    if (error)
      throw Error(ErrorKind::kIo, folder.string() + ": cannot be put aside: " + error.message());
    warn("warning: " + reason + "; put aside as " + aside.filename().string() +
         ", going back to the checkpoint before it");
  }
  return std::nullopt;
}

void remove_unfinished_checkpoints(const fs::path& run) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints_folder(run), error)) {
    if (entry.path().filename().string().starts_with(kUnfinished))
      fs::remove_all(entry.path(), error);
  }
}

}  // namespace biplane
