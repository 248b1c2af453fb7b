#include "biplane/text/vocabulary.h"

#include <array>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

constexpr std::array<const char*, 5> kSpecialTokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                       "[MASK]"};

}  // namespace

struct Vocabulary::Table {
  std::vector<std::string> tokens;
  std::unordered_map<std::string_view, std::int64_t> ids;  // views into `tokens`
  std::array<std::int64_t, kSpecialTokens.size()> special{};
};

Vocabulary::Vocabulary(std::shared_ptr<const Table> table) : table_(std::move(table)) {}

Vocabulary Vocabulary::from_tokens(std::vector<std::string> tokens, const std::string& source) {
  auto table = std::make_shared<Table>();
  table->tokens = std::move(tokens);
  table->ids.reserve(table->tokens.size());
  for (std::size_t i = 0; i < table->tokens.size(); ++i) {
    table->ids[table->tokens[i]] = static_cast<std::int64_t>(i);
  }
  for (std::size_t i = 0; i < kSpecialTokens.size(); ++i) {
    const auto found = table->ids.find(kSpecialTokens[i]);
    if (found == table->ids.end()) {
      throw Error(ErrorKind::kBadContent, source + ": the vocabulary has no token " +
                                              kSpecialTokens[i] +
                                              " (one token a line is expected)");
    }
    table->special[i] = found->second;
  }
  return Vocabulary(std::move(table));
}

Vocabulary Vocabulary::read(const std::filesystem::path& file) {
  constexpr std::uint64_t kMaxBytes = 1ULL << 28;
  const std::string content = read_file(file, kMaxBytes);
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin < content.size();) {
    std::size_t end = content.find('\n', begin);
    if (end == std::string::npos) end = content.size();
    std::size_t length = end - begin;
    if (length > 0 && content[begin + length - 1] == '\r') --length;
    tokens.push_back(content.substr(begin, length));
    begin = end + 1;
  }
  return from_tokens(std::move(tokens), file.string());
}

void Vocabulary::write(const std::filesystem::path& file) const {
  std::string content;
  for (const std::string& token : table_->tokens) content += token + "\n";
  write_file_atomically(file, content);
}

std::int64_t Vocabulary::size() const { return static_cast<std::int64_t>(table_->tokens.size()); }

std::optional<std::int64_t> Vocabulary::find(std::string_view token) const {
  const auto found = table_->ids.find(token);
  if (found == table_->ids.end()) return std::nullopt;
  return found->second;
}

std::int64_t Vocabulary::id(std::string_view token) const { return find(token).value_or(unk_id()); }

const std::string& Vocabulary::token(std::int64_t id) const {
  if (id < 0 || id >= size()) {
    throw Error(ErrorKind::kBadContent, "token id " + std::to_string(id) +
                                            " is outside the vocabulary of " +
                                            std::to_string(size()));
  }
  return table_->tokens[static_cast<std::size_t>(id)];
}

std::int64_t Vocabulary::pad_id() const { return table_->special[0]; }
std::int64_t Vocabulary::unk_id() const { return table_->special[1]; }
std::int64_t Vocabulary::cls_id() const { return table_->special[2]; }
std::int64_t Vocabulary::sep_id() const { return table_->special[3]; }
std::int64_t Vocabulary::mask_id() const { return table_->special[4]; }

bool Vocabulary::is_special(std::int64_t id) const {
  for (const std::int64_t special : table_->special) {
    if (special == id) return true;
  }
  return false;
}

}  // namespace biplane
