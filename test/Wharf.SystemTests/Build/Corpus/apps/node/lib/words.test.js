throw new Error('tests are not for the image');
