#include "biplane/formats/torch_archive.h"

#include <gmock/gmock.h>

#include <cstring>

#include "biplane/core/error.h"
#include "biplane/core/random.h"
#include "biplane/formats/safetensors.h"
#include "tests/formats/torch_builder.h"

namespace biplane {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TorchArchive archive(const std::string& content) {
  return TorchArchive(FileBytes::keep(content, "weights.pt"));
}

std::vector<std::string> names(const TorchArchive& archive) {
  std::vector<std::string> result;
  for (const TorchTensor& tensor : archive.tensors()) result.push_back(tensor.name);
  return result;
}

std::string bytes(const TorchArchive& archive, std::size_t place) {
  const TorchTensor& tensor = archive.tensors()[place];
  std::string out(*tensor_bytes(tensor.dtype, tensor.shape), '\0');
  archive.read(tensor, std::as_writable_bytes(std::span(out)));
  return out;
}

const std::string kSix = floats({0, 1, 2, 3, 4, 5});

TEST(TorchArchive, NamesAreTheKeysOfNestedDictsListsAndAttributes) {
  const std::string one = p_tensor(p_storage("0", 6), 0, {6}, {1});
  const std::string space =
      p_global("argparse", "Namespace") + ")\x81" + p_dict({p_text("t"), one}) + "b";
  const TorchArchive file = archive(torch_zip(
      p_whole(p_dict({p_text("model"), p_dict({p_text("a.b"), one, p_int(3), one}), p_text("list"),
                      "](" + one + p_text("no tensor") + one + "e", p_text("epoch"), p_int(5),
                      p_text("args"), space, p_tuple({p_int(1)}), one})),
      {{"0", kSix}}));
  EXPECT_EQ(file.container(), "torch zip");
  EXPECT_THAT(names(file), ElementsAre("model.a.b", "model.3", "list.0", "list.2", "args.t", "#4"));
  for (std::size_t i = 0; i < file.tensors().size(); ++i) EXPECT_EQ(bytes(file, i), kSix);
}

TEST(TorchArchive, StridedViewsBecomeContiguous) {
  const auto view = [](std::int64_t offset, const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides) {
    const std::string tensor = p_tensor(p_storage("0", 6), offset, shape, strides);
    return bytes(archive(torch_zip(p_whole(p_dict({p_text("t"), tensor})), {{"0", kSix}})), 0);
  };
  EXPECT_EQ(view(0, {2, 3}, {3, 1}), kSix);
  EXPECT_EQ(view(0, {3, 2}, {1, 3}), floats({0, 3, 1, 4, 2, 5}));  // transposed
  EXPECT_EQ(view(1, {2, 2}, {3, 1}), floats({1, 2, 4, 5}));        // a slice of columns
  EXPECT_EQ(view(5, {}, {}), floats({5}));
  EXPECT_EQ(view(2, {2, 2}, {0, 1}), floats({2, 3, 2, 3}));  // expanded
  EXPECT_EQ(view(0, {2, 1, 3}, {3, 99, 1}), kSix);           // the stride of one row means nothing
  EXPECT_EQ(view(1, {1, 2, 1, 2}, {7, 2, 9, 1}), floats({1, 2, 3, 4}));
  EXPECT_EQ(view(6, {0, 4}, {4, 1}), "");
}

TEST(TorchArchive, EveryElementTypeHasItsSafetensorsName) {
  const std::pair<const char*, const char*> types[] = {
      {"DoubleStorage", "F64"}, {"FloatStorage", "F32"},     {"HalfStorage", "F16"},
      {"LongStorage", "I64"},   {"BFloat16Storage", "BF16"}, {"IntStorage", "I32"},
      {"ShortStorage", "I16"},  {"CharStorage", "I8"},       {"ByteStorage", "U8"},
      {"BoolStorage", "BOOL"}};
  for (const auto& [type, dtype] : types) {
    const std::string content(*dtype_bytes(dtype) * 2, '\1');
    const TorchArchive file = archive(
        torch_zip(p_whole(p_dict({p_text("t"), p_tensor(p_storage("0", 2, type), 0, {2}, {1})})),
                  {{"0", content}}));
    EXPECT_EQ(file.tensors()[0].dtype, dtype);
    EXPECT_EQ(bytes(file, 0), content);
  }
  // The third version of the rebuilding function names the type of an untyped storage.
  const std::string third =
      p_call(p_global("torch._utils", "_rebuild_tensor_v3"),
             p_tuple({p_storage("0", 4, "UntypedStorage"), p_int(1), p_ints({1}), p_ints({1}),
                      "\x89", p_call(p_global("collections", "OrderedDict"), ")"),
                      p_global("torch", "uint16"), "N"}));
  const TorchArchive file =
      archive(torch_zip(p_whole(p_dict({p_text("t"), third})), {{"0", "abcd"}}));
  EXPECT_EQ(file.tensors()[0].dtype, "U16");
  EXPECT_EQ(bytes(file, 0), "cd");
}

TEST(TorchArchive, ParametersSubclassesAndTaggedValuesAreUnwrapped) {
  const std::string one = p_tensor(p_storage("0", 6), 0, {6}, {1});
  const std::string parameter =
      p_call(p_global("torch._utils", "_rebuild_parameter"), p_tuple({one, "\x88", "}"}));
  const std::string tagged = p_call(p_global("torch.jit._pickle", "restore_type_tag"),
                                    p_tuple({p_dict({p_text("x"), one}), p_text("Dict")}));
  const std::string subclass =
      p_call(p_global("torch._tensor", "_rebuild_from_type_v2"),
             p_tuple({p_global("torch._utils", "_rebuild_tensor_v2"),
                      p_global("torch.nn.parameter", "Parameter"),
                      p_tuple({p_storage("0", 6), p_int(0), p_ints({6}), p_ints({1}), "\x89", "}"}),
                      "}"}));
  const TorchArchive file = archive(torch_zip(
      p_whole(p_dict({p_text("p"), parameter, p_text("t"), tagged, p_text("s"), subclass})),
      {{"0", kSix}}));
  EXPECT_THAT(names(file), ElementsAre("p", "t.x", "s"));
}

TEST(TorchArchive, ATorchScriptArchiveIsKnownByItsConstants) {
  const std::string one = p_tensor(p_storage("0", 6), 0, {2, 3}, {3, 1});
  const std::string inner = p_global("__torch__.torch.nn.modules.linear", "Linear") + ")\x81" +
                            p_dict({p_text("training"), "\x89", p_text("weight"), one}) + "b";
  const std::string module =
      p_global("__torch__", "Model") + ")\x81" + p_dict({p_text("layer"), inner}) + "b";
  std::vector<ZipRecord> records = torch_records(p_whole(module), {{"0", kSix}});
  records.push_back({"archive/constants.pkl", p_whole(")")});
  records.push_back({"archive/code/__torch__.py", "raise SystemExit"});
  const TorchArchive file = archive(make_zip(records));
  EXPECT_EQ(file.container(), "TorchScript");
  EXPECT_THAT(names(file), ElementsAre("layer.weight"));
  EXPECT_EQ(bytes(file, 0), kSix);
}

TEST(TorchArchive, ReadsTheFormBeforeTheZipAndItsTiedStorages) {
  const std::string pickle =
      p_whole(p_dict({p_text("a"), p_tensor(p_storage("77", 6), 0, {6}, {1}), p_text("b"),
                      p_tensor(p_storage("77", 6), 1, {2}, {3}), p_text("c"),
                      p_tensor(p_storage("78", 1, "LongStorage"), 0, {}, {})}));
  const std::string seven = little(std::int64_t{7});
  const TorchArchive file = archive(torch_legacy(pickle, {{"77", 6, kSix}, {"78", 1, seven}}));
  EXPECT_EQ(file.container(), "torch legacy");
  EXPECT_EQ(bytes(file, 0), kSix);
  EXPECT_EQ(bytes(file, 1), floats({1, 4}));
  EXPECT_EQ(bytes(file, 2), seven);
}

TEST(TorchArchive, AStorageThatFailsToLoadIsNotTakenForLoaded) {
  const std::string pickle =
      p_whole(p_dict({p_text("a"), p_tensor(p_storage("0", 6), 0, {6}, {1}), p_text("b"),
                      p_tensor(p_storage("1", 6), 0, {6}, {1})}));
  std::vector<ZipRecord> records = torch_records(pickle, {{"0", kSix}, {"1", kSix}});
  records[3].crc = 1;
  const TorchArchive file = archive(make_zip(records));
  EXPECT_EQ(bytes(file, 0), kSix);
  EXPECT_THROW(bytes(file, 1), Error);
  EXPECT_EQ(bytes(file, 0), kSix);
  EXPECT_THROW(bytes(file, 1), Error);
}

// Every length and every changed bit of small files in both forms: read or refused with an Error.
TEST(TorchArchive, DamageNeverEscapesTheChecks) {
  const std::string pickle =
      p_whole(p_dict({p_text("a"), p_tensor(p_storage("0", 3), 0, {3}, {1}), p_text("b"),
                      p_tensor(p_storage("1", 1, "LongStorage"), 0, {}, {})}));
  const std::string three = floats({1, 2, 3}), long_one = little(std::int64_t{1});
  const auto survives = [](const std::string& content) {
    try {
      const TorchArchive file = archive(content);
      for (std::size_t i = 0; i < file.tensors().size(); ++i) bytes(file, i);
      return true;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
      return false;
    }
  };
  for (const std::string& content : {torch_zip(pickle, {{"0", three}, {"1", long_one}}),
                                     torch_legacy(pickle, {{"0", 3, three}, {"1", 1, long_one}})}) {
    ASSERT_TRUE(survives(content));
    std::size_t refused = 0;
    for (std::size_t i = 0; i < content.size(); ++i) {
      EXPECT_FALSE(survives(content.substr(0, i))) << "cut at " << i;
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = content;
        damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
        refused += survives(damaged) ? 0 : 1;
      }
    }
    EXPECT_GT(refused, 3 * content.size());
  }
}

}  // namespace
}  // namespace biplane
