"""From folders of pictures to training samples: layouts, alignment, captions, shards."""
